"""How often recorded small models repeat the question before they work, and whether that goes with being right.

python bench/echo.py [RECORDING …]

For each recording: the mean share of the question's words in the first 500 characters of a sample, the same of the next
question in their place (chance), how many samples echo (a share above 1/2), and accuracy of those that do and of those
that do not, with their difference over the questions that have samples of both. No model is asked.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from outlay.models.recording_file import read
from outlay.prompts._data import conversation
from outlay.stats.bootstrap import bootstrap_of_means
from outlay.stats.echo import ECHO, echo_share

NAMES = ("res-q05-gsm_symbolic", "res-q15-gsm_symbolic", "res-q05-leg_counting", "res-q15-leg_counting")


def say(text: str) -> None:
    """One line of the report."""
    sys.stdout.write(text + "\n")


def row(name: str) -> str:
    """What one recording shows."""
    questions = read(name).questions
    texts = [conversation(q.messages) for q in questions]
    own, other, right, differences = [], [], [], []
    for i, question in enumerate(questions):
        share = np.array([echo_share(texts[i], s.text) or 0.0 for s in question.samples])
        correct = np.array([float(s.correct) for s in question.samples])
        own.append(share)
        other.append([echo_share(texts[(i + 1) % len(texts)], s.text) or 0.0 for s in question.samples])
        right.append(correct)
        echoing = share > ECHO
        if 0 < echoing.sum() < len(echoing):
            differences.append(float(correct[echoing].mean() - correct[~echoing].mean()))
    shares, correct = np.concatenate(own), np.concatenate(right)
    echoing = shares > ECHO
    cells = [f"{shares.mean():.2f}", f"{np.concatenate(other).mean():.2f}", f"{echoing.mean():.0%}"]
    cells += [f"{correct[c].mean():.2f}" if c.any() else "–" for c in (echoing, ~echoing)]
    if len(differences) > 2:
        interval = bootstrap_of_means(lambda means: means[:, 0], differences, seed=0)
        cells.append(
            f"{np.mean(differences):+.2f} [{interval.low:+.2f}, {interval.high:+.2f}], {len(differences)} questions"
        )
    else:
        cells.append(f"cannot be said: {len(differences)} questions have both")
    return f"{name:22} {cells[0]:>6} {cells[1]:>7} {cells[2]:>6} {cells[3]:>6} {cells[4]:>8}   {cells[5]}"


def main() -> None:
    """One line a recording."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recordings", nargs="*", default=list(NAMES))
    given = parser.parse_args()
    say(
        f"{'recording':22} {'share':>6} {'chance':>7} {'echo':>6} {'right':>6} {'without':>8}   difference [95 %]"
    )
    for name in given.recordings:
        say(row(name))


if __name__ == "__main__":
    main()
