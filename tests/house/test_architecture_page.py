"""The pages about the code: they name what there is, and their links lead somewhere."""

import re

import pytest
from checkout import ROOT
from file_list import PAGE, with_list

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "results").rglob("README.md"))]  # fmt: skip


def test_the_list_of_files_is_as_the_code_is() -> None:
    page = PAGE.read_text()
    # `make format` writes it anew.
    assert page == with_list(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_module_that_a_page_names_exists(page: str) -> None:
    names = re.findall(r"`((?:orchestrator|model|tests|bench|chaos|studies)/[\w/.]+)`", page.read_text())  # fmt: skip
    # NAME stands for what the reader adds.
    assert [n for n in names if "NAME" not in n and not (ROOT / n).exists()] == []
