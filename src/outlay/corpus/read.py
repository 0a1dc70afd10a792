"""A folder or a file becomes a corpus: texts in passages, JSON lines as documents and examples, indexed once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from threading import Lock

import msgspec

from outlay.corpus import harbour
from outlay.corpus.bm25 import BM25
from outlay.corpus.document import Document, Example, Step
from outlay.errors import UsageError

SHIPPED = "harbour"
"""The name of the corpus that comes with outlay."""
PASSAGE_WORDS = 200
"""Words at which a passage of a text is full; it ends at a blank line where there is one."""
LARGEST_WORDS, LARGEST_BYTES = 1_024, 8_000
"""What is kept of a document: words as in the paper, and bytes."""
MOST_FILES, MOST_BYTES = 20_000, 200_000_000
_READING = Lock()
"""Questions that come at once wait for one reading instead of reading each."""
SUFFIXES = (".txt", ".md", ".jsonl")


class Corpus:
    """Documents and examples with their indices; `digest` names the content."""

    def __init__(self, documents: tuple[Document, ...], examples: tuple[Example, ...]):
        self.documents, self.examples = documents, examples
        content = msgspec.json.encode((documents, examples))
        self.digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        self.index = BM25([f"{d.id} {d.text}" for d in documents])
        self.solved = BM25([e.question for e in examples])

    def best(self, query: str, k: int) -> list[Document]:
        """The k best documents by BM25, the best first; fewer where fewer share a word with the query."""
        return [self.documents[i] for i, _ in self.index.best(query, k)]

    def alike(self, query: str, m: int) -> list[Example]:
        """The m examples most like the query, then the others in order; never the query itself."""
        near = [i for i, _ in self.solved.best(query, len(self.examples))]
        rest = [i for i in range(len(self.examples)) if i not in set(near)]
        found = [self.examples[i] for i in (*near, *rest)]
        return [e for e in found if e.question.strip() != query.strip()][:m]


def corpus(path: str) -> Corpus:
    """The corpus at a path, or the shipped one by its name; read again only where a file changed.

    A folder's `.txt` and `.md` files are cut into passages at blank lines; each line of a `.jsonl` file is a document,
    `{"id": …, "text": …}`, or an example, `{"question": …, "answer": …, "steps": [{"question": …, "answer": …}]}`.

    Args:
        path: a folder, a file of one of these kinds, or `harbour`.

    Raises:
        UsageError: nothing there, no document in it, a file that is no UTF-8 text, or too much of it.
    """
    if path == SHIPPED:
        return _shipped()
    try:
        files = _files(Path(path))
        stats = [f.stat() for f in files]
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error}.") from None
    if sum(s.st_size for s in stats) > MOST_BYTES:
        raise UsageError(f"{path} holds more than {MOST_BYTES // 1_000_000} MB of text; take a part of it.")
    seen = tuple((str(f), s.st_size, s.st_mtime_ns) for f, s in zip(files, stats, strict=True))
    with _READING:
        return _read(path, seen)


@lru_cache(maxsize=1)
def _shipped() -> Corpus:
    return Corpus(harbour.documents(), harbour.examples())


@lru_cache(maxsize=8)
def _read(path: str, files: tuple[tuple[str, int, int], ...]) -> Corpus:
    documents: list[Document] = []
    examples: list[Example] = []
    root = Path(path)
    for name, _, _ in files:
        file = Path(name)
        shown = str(file.relative_to(root)) if root.is_dir() else file.name
        for one in _entries(file, shown):
            (documents if isinstance(one, Document) else examples).append(one)  # type: ignore[arg-type]
    if not documents:
        raise UsageError(f"There is no document in {path}.")
    return Corpus(tuple(documents), tuple(examples))


def _files(path: Path) -> list[Path]:
    if path.is_file() and path.suffix in SUFFIXES:
        return [path]
    if not path.is_dir():
        raise UsageError(
            f"There is no folder and no {', '.join(SUFFIXES)} file at {path}; {SHIPPED} is shipped."
        )
    found = sorted(
        f
        for f in path.rglob("*")
        if f.suffix in SUFFIXES
        and f.is_file()
        and not any(p.startswith(".") for p in f.relative_to(path).parts)
    )
    if len(found) > MOST_FILES:
        raise UsageError(f"{path} holds more than {MOST_FILES} files; take a part of it.")
    return found


def _entries(file: Path, shown: str) -> Iterator[Document | Example]:
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{file} is no UTF-8 text.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error}.") from None
    if file.suffix != ".jsonl":
        for number, passage in enumerate(passages(text), 1):
            yield Document(f"{shown}#{number}", passage)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield _entry(line, f"{shown}:{number}")


def _entry(line: str, where: str) -> Document | Example:
    try:
        row = msgspec.json.decode(line)
        if "text" in row:
            return Document(str(row.get("id", where)), kept(str(row["text"])))
        steps = tuple(Step(str(s["question"]), str(s["answer"])) for s in row.get("steps", ()))
        return Example(str(row["question"]), str(row["answer"]), steps)
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        raise UsageError(
            f"{where} is neither a document with a text nor an example with a question and an answer."
        ) from None


def passages(text: str) -> list[str]:
    r"""The passages of a text: whole paragraphs up to 200 words together, longer paragraphs cut.

    Example:
        >>> [len(p.split()) for p in passages("one two\n\n" + "word " * 450)]
        [2, 200, 200, 50]
    """
    found: list[str] = []
    words = 0
    for paragraph in (p.strip() for p in text.split("\n\n")):
        size = len(paragraph.split())
        if not size:
            continue
        if found and words + size <= PASSAGE_WORDS:
            found[-1], words = f"{found[-1]}\n\n{paragraph}", words + size
            continue
        split = paragraph.split() if size > PASSAGE_WORDS else []
        found += (
            [" ".join(split[i : i + PASSAGE_WORDS]) for i in range(0, size, PASSAGE_WORDS)]
            if split
            else [paragraph]
        )
        words = PASSAGE_WORDS if split else size
    return [kept(p) for p in found]


def kept(text: str) -> str:
    """What is kept of a document: its first 1,024 words, at most 8,000 bytes; lone surrogates become question marks."""
    words = text.split()
    if len(words) > LARGEST_WORDS:
        text = " ".join(words[:LARGEST_WORDS])
    return text.encode("utf-8", "replace")[:LARGEST_BYTES].decode("utf-8", "ignore")
