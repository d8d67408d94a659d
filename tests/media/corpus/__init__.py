"""Bad and tricky files of every kind, made by the tests: each file here holds those of one family."""

from tests.media.corpus import moving, other, pictures, recordings, still_formats, streams
from tests.media.corpus.cases import CASES, Case

__all__ = ["CASES", "Case", "moving", "other", "pictures", "recordings", "still_formats", "streams"]
