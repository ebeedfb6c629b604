"""The one door to the compiler: `jit` turns a function into machine code and keeps it on disk safely.

Numba's own cache looks only at the file of the function itself, so a kernel keeps running stale code after
a helper or a constant in another file has changed. Here the cache directory is named by the hash of every
source that can end up in machine code, of the library versions and of the CPU: whatever changes, a new
directory is used. Comes in: a function. Goes out: the same function, compiled (or plain, when the
environment says NUMBA_DISABLE_JIT=1). The compiler itself is imported by the first function that needs it.
"""

import ast
import functools
import gc
import hashlib
import importlib
import importlib.util
import json
import os
import pickle
import platform
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])

PACKAGE = Path(__file__).resolve().parent
ORIGIN = "made-from.json"  # in a directory of machine code: its sources and machine
SOURCES = "jitted-sources.json"  # beside these directories: which files can end up in machine code
KNOWN_INSIDE = ("0.68.",)  # versions of Numba: the locked one
KEPT_DIRECTORIES = 6  # an edit makes a new directory of a few megabytes; older ones are swept away
YOUNG = 200_000  # objects that are made before the collector looks for garbage among them
_DECORATING = threading.Lock()
_TOLD_NOT_KEPT = threading.Event()


def jit(
    signature: Any = None,
    *,
    inline: Literal["never", "always"] = "never",
    forceinline: bool = False,
    late: bool = False,
) -> Callable[[Function], Function]:
    """Decorator that compiles a function ahead of its first call and caches the machine code.

    Parameters
    ----------
    signature : str, numba signature, or list of them; optional
        For example ``"float64(float64, int64)"``. With it the function is compiled (or loaded from the cache)
        at once and refuses other types; without it, at the first call of each combination of types.
    inline : "never" or "always"
        Numba's inlining into the caller's code; LLVM inlines small functions in any case.
    late : bool
        Of a function that only compiled code calls: it is compiled when a caller is that needs it, as far as callers
        take it over into their own code. Machine code of its own is neither made nor kept, and Python cannot call it.

    Returns
    -------
    decorator
        Gives Numba's dispatcher; the plain function itself under NUMBA_DISABLE_JIT=1.

    Arithmetic is strict (no fast-math: the same bits as plain Python), division by zero raises as in Python,
    and the lock of the interpreter is released, so that a screen stays alive while an engine runs.
    """

    import numba

    def decorate(function: Function) -> Function:
        if _settings().DISABLE_JIT:
            return function
        _put_off_linear_algebra()
        directory = cache_directory()
        options: dict[str, Any] = {
            "error_model": "python",
            "fastmath": False,
            "nogil": True,
            "inline": inline,
            "forceinline": forceinline,
        }
        if late:  # what only Python needs to call it is not made
            options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        with _numba_cache_in(directory):
            compiled: Any = numba.njit(**options)(function)
            if late and _is_of_known_inside():
                _make_for_callers_only(compiled)
            elif directory is not None:
                _keep(compiled, directory)
        if signature is not None:
            from numba.core.typeinfer import register_dispatcher

            # What numba.njit(signature) does, outside the guard: the cache's place is already fixed.
            def settle() -> None:
                with register_dispatcher(compiled), _rare_collections():
                    for one in signature if isinstance(signature, list) else [signature]:
                        compiled.compile(one)
                compiled.disable_compile()

            if late:
                _settle_when_asked(compiled, settle)
            else:
                settle()
        return cast(Function, compiled)

    return decorate


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the collector of garbage look seldom while something is compiled: the compiler makes millions of objects and drops
    most of them by itself, and a tenth of its time went into looking through them. A setting of the process, for so long.
    """
    young = gc.get_threshold()
    if 0 < young[0] < YOUNG:  # 0: whoever runs this wants no collections at all
        gc.set_threshold(YOUNG, *young[1:])
    try:
        yield
    finally:
        gc.set_threshold(*young)


@functools.cache
def _put_off_linear_algebra() -> None:
    """Let Numba ask for SciPy's linear algebra when a function uses it, not at the first function of any kind.

    Numba imports it only to see that it is there, a quarter of a second at every start; SciPy is installed with this
    package, and what uses it still imports it.
    """
    from numba.np import linalg

    ensure = linalg.ensure_blas

    def ensure_blas() -> None:
        asking = sys.modules.get("numba.np.arraymath")
        if asking is not None and hasattr(
            asking, "_HAVE_BLAS"
        ):  # its import is over: somebody multiplies matrices
            ensure()

    if importlib.util.find_spec("scipy") is not None:
        linalg.ensure_blas = ensure_blas


def _settle_when_asked(compiled: Any, settle: Callable[[], None]) -> None:
    """Let a dispatcher have its signatures the first time that a caller, compiled or not, asks for them."""
    template = compiled.get_call_template

    def settled() -> None:
        compiled.get_call_template = template
        settle()

    def get_call_template(args: Any, kws: Any) -> Any:
        settled()
        return template(args, kws)

    def compile_for_args(*args: Any, **kws: Any) -> Any:
        raise TypeError(f"{compiled.py_func.__qualname__} is made late: only compiled code calls it")

    compiled.get_call_template, compiled._compile_for_args = get_call_template, compile_for_args


def _is_of_known_inside() -> bool:
    """Whether this is a Numba whose inside `_make_for_callers_only` was written for; with others all is compiled, slower."""
    import numba

    return numba.__version__.startswith(KNOWN_INSIDE)


def _make_for_callers_only(compiled: Any) -> None:
    """Leave out the last step of compiling a function, its own machine code: callers link its intermediate code.

    Numba would make machine code of every function with all that it calls, once for each caller on the way up: most of
    the time that the engine's kernel takes to compile.
    """
    from numba.core import compiler

    dynamic: Any = importlib.import_module("numba._dynfunc")
    function_compiler = compiled._compiler

    def compile_core(args: Any, return_type: Any) -> Any:
        described = function_compiler.targetdescr
        target = described.target_context
        flags: Any = compiler.Flags()
        described.options.parse_as_flags(flags, function_compiler.targetoptions)
        flags.no_compile = True
        name = function_compiler.py_func.__qualname__
        library = _linked_only()(target.codegen(), name)
        result = compiler.compile_extra(
            described.typing_context,
            target,
            function_compiler.py_func,
            args=args,
            return_type=return_type,
            flags=flags,
            locals=function_compiler.locals,
            library=library,
            pipeline_class=function_compiler.pipeline_class,
        )
        # What stands for it where callers are told apart; never called, see `_settle_when_asked`.
        place = result.fndesc.lookup_module()
        stands_for = dynamic.make_function(place, name, "", 0, result.environment, (library,))
        target.insert_user_function(stands_for, result.fndesc, [library])
        return result._replace(entry_point=stands_for)

    def add_overload(result: Any) -> None:
        """Known to callers, not to the dispatcher's own table, by which Python calls."""
        compiled.overloads[tuple(result.signature.args)] = result

    function_compiler._compile_core, compiled.add_overload = compile_core, add_overload


@functools.cache
def _linked_only() -> Any:
    """A library of Numba's that is optimised, and linked into others, but never made machine code of."""
    from numba.core.codegen import JITCodeLibrary

    class LinkedOnly(JITCodeLibrary):
        def _finalize_final_module(self) -> None:
            self._finalize_dynamic_globals()
            self._verify_declare_only_symbols()
            self._finalized = True

    return LinkedOnly


@functools.cache
def cache_directory() -> Path | None:
    """Directory of this package's machine code, created and writable; None when no place can be written.

    Beside the package (``__pycache__/jit-<hash>``), or in the user's cache (``$XDG_CACHE_HOME`` or
    ``~/.cache``) when the package is installed read-only. None means: compile in memory, in every process.
    """
    name = f"jit-{source_hash()}"
    for parent in places():
        directory = parent / name
        try:
            is_new = not directory.is_dir()
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                pass
            os.utime(directory)  # marks it as used, for the sweep
            _write_origin(directory)
        except OSError:
            continue
        if is_new:
            _sweep(parent)
        return directory
    return None


def places() -> tuple[Path, Path]:
    """Where directories of machine code may lie, in order of choice."""
    return PACKAGE / "__pycache__", user_cache()


def user_cache() -> Path:
    """The user's cache directory for this product."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG standard says: a relative path is to be ignored.
    root = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~")) / ".cache"
    return root / "llm-traffic-planner"


@functools.cache
def source_hash() -> str:
    """Hash of all that decides the machine code (sources, versions, CPU, settings); 24 hex digits."""
    import llvmlite.binding  # type: ignore[import-untyped]
    import numba
    import numpy as np

    digest = hashlib.blake2s(digest_size=12)
    features = llvmlite.binding.get_host_cpu_features().flatten()
    versions = (numba.__version__, llvmlite.__version__, np.__version__, sys.version, platform.machine())
    parts = [
        *versions,
        llvmlite.binding.get_host_cpu_name(),
        features,
        repr(_settings().USING_SVML),
        *compiler_settings(),
    ]
    for part in parts:
        digest.update(part.encode() + b"\0")
    for name, found in _digests().items():
        digest.update(name.encode() + b"\0")
        digest.update(bytes.fromhex(found))
    return digest.hexdigest()


def is_made_from_this(directory: Path) -> bool:
    """Whether a directory's machine code is of these sources, of this Python and of this machine.

    Imports no compiler: it compares with what stood there when the directory was chosen.
    """
    try:
        origin = json.loads((directory / ORIGIN).read_text(encoding="utf-8"))
        sources = origin["sources"]
        return origin["machine"] == machine() and sources == {name: _digest(name) for name in sources}
    except (OSError, ValueError, KeyError):
        return False


@functools.cache
def machine() -> str:
    """Digest of Python, libraries, CPU, place and settings, found out in a few milliseconds."""
    found = [sys.version, platform.machine(), str(PACKAGE), *compiler_settings()]
    for library in ("numba", "llvmlite", "numpy"):
        spec = importlib.util.find_spec(library)  # finds it without importing it
        if spec is not None and spec.origin is not None:
            status = os.stat(spec.origin)
            found.append(f"{spec.origin} {status.st_size} {status.st_mtime_ns}")
    with suppress(OSError), open("/proc/cpuinfo", "rb") as file:
        told = file.read(4096).decode(errors="replace").splitlines()
        found += dict.fromkeys(line for line in told if line.startswith(("model name", "flags", "Features")))
    return hashlib.blake2s("\n".join(found).encode(), digest_size=12).hexdigest()


def _write_origin(directory: Path) -> None:
    """Leave in a directory what `is_made_from_this` asks for."""
    text = json.dumps({"machine": machine(), "sources": _digests()})
    path = directory / ORIGIN
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        _write(path, text)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@functools.cache
def _digests() -> dict[str, str]:
    """Digest of each source that can end up in machine code, by its path in the package."""
    return {name: _digest(name) for name in _remembered_sources()}


def _digest(name: str) -> str:
    return hashlib.blake2s((PACKAGE / name).read_bytes()).hexdigest()


def _remembered_sources() -> list[str]:
    """Names of the jitted sources, kept on disk for as long as no file of the package changes.

    Finding them means parsing the whole package, a quarter of a second at the start of every process.
    """
    whole = hashlib.blake2s(sys.version.encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        whole.update(f"\0{path.relative_to(PACKAGE).as_posix()}\0{len(content)}\0".encode())
        whole.update(content)
    package = whole.hexdigest()
    for place in places():
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads((place / SOURCES).read_text(encoding="utf-8"))
            if kept["package"] == package:
                return list(kept["sources"])
    names = [path.relative_to(PACKAGE).as_posix() for path in jitted_sources(PACKAGE)]
    for place in places():
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            _write(place / SOURCES, json.dumps({"package": package, "sources": names}))
            break
    return names


def jitted_sources(package: Path) -> list[Path]:
    """Files of a package that use its decorator, and the package's files these import in turn; sorted.

    The imported ones count because compiled code takes their constants and functions over by value.
    """
    roots = []
    for path in sorted(package.rglob("*.py")):
        if b"jit" in path.read_bytes() and package / "jit.py" in _imports(path, package) and _decorates(path):
            roots.append(path)
    found: set[Path] = set()
    waiting = roots
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imports(path, package))
    return sorted(found)


def _imports(path: Path, package: Path) -> set[Path]:
    """Files of the package that one of its files imports, wherever in the file the import stands."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return set()  # cannot be imported, so it cannot be in any machine code either
    parts = path.relative_to(package).parts
    names: set[str] = set()
    for node in _run_nodes(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = [package.name, *parts][: len(parts) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    candidates = set()
    for name in names:
        first, *rest = name.split(".")
        if first == package.name:
            candidates |= {package.joinpath(*rest, "__init__.py")}
            candidates |= {package.joinpath(*rest).with_suffix(".py")} if rest else set()
    return {candidate for candidate in candidates if candidate.is_file()}


def _decorates(path: Path) -> bool:
    """Whether a file that imports `planner.jit` has hold of its decorator; one that only asks where machine code is has not."""
    nodes = list(_run_nodes(ast.parse(path.read_bytes())))
    by_name = any(
        isinstance(node, ast.ImportFrom) and any(alias.name in ("jit", "*") for alias in node.names)
        and (node.module or "").rpartition(".")[2] == "jit"
        for node in nodes
    )  # fmt: skip
    return by_name or any(isinstance(node, ast.Attribute) and node.attr == "jit" for node in nodes)


def _run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`: what only type checkers import is in no machine code."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def compiler_settings() -> list[str]:
    """Numba's settings in the environment that may change the machine code, as NAME=VALUE, sorted."""
    harmless = {"NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "NUMBA_NUM_THREADS"}
    return [
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith("NUMBA_") and name not in harmless
    ]


def _settings() -> Any:
    """Numba's settings; they are made at run time and unknown to type checkers."""
    import numba

    return numba.config


def _keep(compiled: Any, directory: Path) -> None:
    """Have the machine code of a function kept in a directory; where that is refused, it stays in memory.

    The disk can fill up, or the directory become read-only, between its check and the compiler's writing. Numba
    would end the run then, or look for a place of its own, whose name does not change with other sources.
    """
    from numba.core.caching import NullCache

    try:
        compiled.enable_caching()
    except (OSError, RuntimeError) as error:  # no locator available
        return _tell_not_kept(directory, error)
    cache = compiled._cache
    cache._cache_file._source_stamp = ""  # the directory's name says it better than the time of a file
    if not Path(cache.cache_path).is_relative_to(directory):
        compiled._cache = NullCache()
        return _tell_not_kept(directory, "no permission to write")
    save, load = cache.save_overload, cache.load_overload

    def save_if_possible(*overload: Any) -> None:
        try:
            save(*overload)
        except OSError as error:
            _tell_not_kept(directory, error.strerror or error)

    def load_if_sound(*overload: Any) -> Any:
        with suppress(OSError):
            try:
                return load(*overload)
            except (EOFError, pickle.UnpicklingError):
                cache.flush()  # cut short by a crash of the machine: forgotten, and written anew
        return None

    cache.save_overload, cache.load_overload = save_if_possible, load_if_sound


def _tell_not_kept(directory: Path, why: object) -> None:
    """Warn once in a process."""
    if not _TOLD_NOT_KEPT.is_set():
        _TOLD_NOT_KEPT.set()
        warnings.warn(
            f"{directory}: machine code cannot be kept ({why}); it is compiled again each time until that is put right",
            RuntimeWarning,
            stacklevel=2,
        )


def _sweep(parent: Path) -> None:
    """Remove the least recently used cache directories beyond the kept number; a lost one only costs time."""
    try:
        directories = sorted(parent.glob("jit-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return  # another process is sweeping
    for directory in directories[KEPT_DIRECTORIES:]:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _numba_cache_in(directory: Path | None) -> Iterator[None]:
    """Point Numba's process-wide cache setting at a directory while one function is registered."""
    with _DECORATING:
        settings = _settings()
        before = settings.CACHE_DIR
        settings.CACHE_DIR = str(directory or "")
        try:
            yield
        finally:
            settings.CACHE_DIR = before
