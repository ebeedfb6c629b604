"""Notebooks: stored without outputs, built on the public API alone, and run from a clean start."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
FILES = sorted(NOTEBOOKS.glob("*.ipynb"))
PUBLIC = {"planner", "pandas", "decimal"}


def read(file: Path) -> nbformat.NotebookNode:
    return nbformat.read(file, as_version=4)


def outputs_of(notebook: nbformat.NotebookNode) -> str:
    """All plain text that the cells gave."""
    found = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    texts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in found]
    return "\n".join(texts)


def test_there_is_a_first_notebook() -> None:
    assert "01_first_what_if.ipynb" in [file.name for file in FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_notebook_is_stored_without_outputs(file: Path) -> None:
    for cell in read(file).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_notebook_imports_the_public_api_only(file: Path) -> None:
    source = "\n".join(cell.source for cell in read(file).cells if cell.cell_type == "code")
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add(node.module)
    assert names <= PUBLIC
    assert "planner" in names


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_notebook_runs_from_a_clean_start_and_answers_as_its_heading_says(file: Path) -> None:
    notebook = read(file)
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOKS)}}
    )
    client.execute()
    CHECKS[file.name](notebook)


def check_first_what_if(notebook: nbformat.NotebookNode) -> None:
    heading = " ".join(notebook.cells[0].source.split())
    assert "**Answer: on both.**" in heading
    assert "Counted by the invoice alone, mini wins." in heading
    answers = [line for line in outputs_of(notebook).splitlines() if line.startswith("Take ")]
    assert answers[0].startswith("Take hybrid: it costs ")
    assert answers[1].startswith("Take mini-only: it costs ")
    charts = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.startswith("result.charts[")
        for output in cell.outputs
        if any("vega" in kind or "html" in kind for kind in output.get("data", {}))
    ]
    assert len(charts) == 4


CHECKS = {"01_first_what_if.ipynb": check_first_what_if}
