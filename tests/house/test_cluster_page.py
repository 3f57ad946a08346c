"""docs/cluster.md shows what was seen: its output stands in the transcript that is kept."""

import re

from checkout import ROOT

PAGE = (ROOT / "docs" / "cluster.md").read_text()
SEEN = {line.strip() for line in (ROOT / "results" / "cluster-test.md").read_text().splitlines()}
# What is quoted from elsewhere: the costs of tiny10, and remarks of the page's own.
ELSEWHERE = ("tiny10", "about 12 min")


def quoted() -> list[str]:
    """Lines of output on the page, from blocks that open with a command that was run."""
    blocks = re.findall(r"```\n(\$ .*?)```", PAGE, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line != "..." and not line.startswith("$ ")]


def test_output_on_the_page_was_printed() -> None:
    lines = [line for line in quoted() if not line.startswith(ELSEWHERE)]
    assert len(lines) > 25
    assert [line for line in lines if line not in SEEN] == []


def test_pictures_and_links_are_there() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", PAGE)
    assert len(links) >= 6
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
