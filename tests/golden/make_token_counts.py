"""Writes token_counts.json: tokens of texts as OpenAI's own tiktoken counts them, another program than the planner's.

    pip install tiktoken==0.14.0 && python tests/golden/make_token_counts.py

tiktoken fetches the two vocabularies (or finds them in TIKTOKEN_CACHE_DIR) and checks their SHA-256. Special markers are
counted as plain text, as a pasted text means them.
"""

import json
from pathlib import Path

import tiktoken  # type: ignore[import-not-found]  # not a dependency: only this script needs it

TEXTS = (
    "", "a", " ", "hello world", "Hello, world!", "tiktoken is great!", "antidisestablishmentarianism", "2 + 2 = 4",
    "お誕生日おめでとう", "The quick brown fox jumps over the lazy dog.", "I'll say it's theirs, don't you?",
    "1234567890", "3.14159, 2.71828", "    indented\n\n\n\tcode  ",
    "def mean(values):\n    return sum(values) / len(values)\n",
    '{"name": "omni", "limits": {"requests_per_minute": 500}}', "https://example.org/path?query=1&other=two#part",
    "<|endoftext|>", "<|im_start|>user\nhi<|im_end|>", "🙂", "🙂🙂🙂", "👩‍👩‍👧‍👦", "🇩🇪",
    "naïve Straße Übergröße München", "Привет, мир! Как дела?", "مرحبا بالعالم", "नमस्ते दुनिया", "안녕하세요 세계",
    "你好,世界", "สวัสดีชาวโลก", "e\u0301 and é", "\u200b\ufeff", "\r\n\r\n", "x" * 1000, " " * 1000, "word " * 1000,
    "€ £ ¥ ₿ ½ ² ∑ √", "SELECT * FROM users WHERE id = 42; -- comment",
    "You are a helpful assistant. Answer in one paragraph, and say so where you are not sure.",
    "Dear team,\n\nplease find attached the invoice no. 4711-B of 2027-01-14 over 1,234.56 EUR.\n\nKind regards\nJ. Doe",
)  # fmt: skip


def main() -> None:
    """Count every text with both vocabularies."""
    encodings = {name: tiktoken.get_encoding(name) for name in ("o200k_base", "cl100k_base")}
    counts = [
        {
            "text": text,
            **{name: len(one.encode(text, disallowed_special=())) for name, one in encodings.items()},
        }
        for text in TEXTS
    ]
    found = {"program": f"tiktoken {tiktoken.__version__}", "counts": counts}
    target = Path(__file__).with_name("token_counts.json")
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
