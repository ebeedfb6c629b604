"""The commands `planner` and `llm-traffic-planner`: makes sure that the package `planner` is ours, then runs it.

Another distribution, such as llm-d-planner, may install a package and a command of the same name. This module carries
a name of its own, so it still runs when the other package has taken the place of ours, and says so.
"""

import sys

DISTRIBUTION = "llm-traffic-planner"


def main() -> None:
    """Run the command line, or explain which package stands in its way and exit with status 1."""
    problem = describe_foreign_planner()
    if problem is not None:
        print(problem, file=sys.stderr)
        raise SystemExit(1)
    from planner import cli

    cli.main()


def describe_foreign_planner() -> str | None:
    """Give a message when importing `planner` gives no package or another distribution's; None when it is ours."""
    try:
        import planner
    except Exception as error:  # another's package may fail in any way; ours fails with its own message
        others = _owners_of_planner()
        if others:
            return (
                f"{DISTRIBUTION}: the package 'planner' that Python finds belongs to {' and '.join(others)} "
                f"and cannot be imported ({error}). {_remedy(others)}"
            )
        if isinstance(error, ModuleNotFoundError) and error.name == "planner":
            return f"{DISTRIBUTION}: its package 'planner' is not installed here. {_remedy(others)}"
        raise
    if getattr(planner, "DISTRIBUTION", None) == DISTRIBUTION:
        return None
    place = planner.__file__ or ", ".join(planner.__path__)
    others = _owners_of_planner()
    owner = f"belongs to {' and '.join(others)}" if others else "is another one"
    return f"{DISTRIBUTION}: the package 'planner' that Python finds ({place}) {owner}. {_remedy(others)}"


def _owners_of_planner() -> list[str]:
    """Give the installed distributions, ours apart, that claim the package `planner`."""
    from importlib.metadata import packages_distributions  # 60 ms, paid only when something is wrong

    claiming = packages_distributions().get("planner", [])
    return sorted({name for name in claiming if name.lower().replace("_", "-") != DISTRIBUTION})


def _remedy(others: list[str]) -> str:
    """Give the sentence that tells how to get our package back."""
    reinstall = (
        f"python -m pip install --force-reinstall --no-deps {DISTRIBUTION} (in a checkout: make clean setup)"
    )
    if not others:
        return f"To repair: {reinstall}"
    return (
        "Use a separate virtual environment for each, or repair this one: "
        f"python -m pip uninstall {' '.join(others)}; then {reinstall}"
    )


if __name__ == "__main__":
    main()
