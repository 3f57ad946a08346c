"""What the paper claims, tested on our numbers and said in words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """One claim of the paper against one study's results."""

    claim: str
    """The claim, in a sentence."""
    holds: bool | None
    """Whether our results support it; None where they cannot tell."""
    words: str
    """The verdict in a sentence."""
    statistic: str
    """What is behind it: test, statistic, p value, n."""
