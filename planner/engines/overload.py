"""What both engines say where more is under way than may be."""


def too_many_to_come(most: int, now_ns: int, n_done: int) -> str:
    """Of conversations: their later turns are kept until they come."""
    return (
        f"too many conversations: more than run.max_in_flight = {most} turns are still to come in conversations that "
        f"have begun {now_ns / 1e9:.3f} s into the window ({n_done} requests done)"
    )
