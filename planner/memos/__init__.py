"""Decision memos: a finished comparison as one page that leaves the room, and the state read back out of it.

Reading is light (it loads no numerical library); the page itself is made by `planner.memo`.
"""

from planner.memos.state import LogNote, MemoState
from planner.memos.taking import MOST_BYTES, read_state

__all__ = ["MOST_BYTES", "LogNote", "MemoState", "read_state"]
