"""Secrets do not stand in what is shown or kept; what is none is left as it is."""

from __future__ import annotations

import pytest

from gifbench.errors import Gone
from gifbench.redaction import hashed, redact

SECRET = "q8Zk3vT0pLm5"

HIDDEN = [
    "https://host/a.mp4?X-Amz-Signature={}&X-Amz-Date=20261128",
    "https://host/a.mp4?x=1&X-Amz-Security-Token={}",
    "https://host/a.mp4?AWSAccessKeyId={}",
    "https://host/a.mp4?X-Goog-Credential={}%2F2026",
    "https://blob.example/a.mp4?sv=2024&sig={}",
    "https://host/a.mp4?Policy=a&Key-Pair-Id={}",
    "https://host/a.mp4?sessionid={}",
    "https://host/a.mp4;jsessionid={}",
    "https://host/a.mp4?exp=1~acl=/*~hmac={}",
    "https://user:{}@host/a.mp4",
    "s3://{}@bucket/key",
    "https://proxy/?url=https%3A%2F%2Fhost%2Fa%3Ftoken%3D{}%26x%3D1",
    "evaluate --token={} --data d",
    "evaluate --token {} --data d",
    "['--api-key', '{}']",
    "mine:api_key={},size=3",
    "mine:password={}",
    '{{"access_token": "{}"}}',
    "Authorization: Bearer {}",
    "Authorization: Basic {}",
    "Cookie: sid={}; a=b",
    "bearer {}",
    "hf_{}abcdefgh",
    "ghp_{}abcdefgh",
    "AKIA{}ABCD",
    "eyJhbGciOiJI.eyJzdWIiOiIx.{}",
    "https://host/a.mp4?blob={}0123456789abcdef0123456789abcdef",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_a_secret_is_neither_shown_nor_in_an_identity(text: str) -> None:
    whole = text.format(SECRET)
    for shown in (redact(whole), hashed(whole), str(Gone(f"{whole}: status 404"))):
        assert SECRET not in shown
        assert whole[:5] == shown[:5] or "://" not in whole
    assert hashed(whole) == hashed(hashed(whole)) != hashed(text.format(SECRET[::-1]))
    assert redact(redact(whole)) == redact(whole)


@pytest.mark.parametrize(
    "text",
    [
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3",
        "gaussian:sigma=0.5",
        "ccdnet:tokens=16,tokenizer=small,author=me,key=4,keys=3,passes=2",
        "https://host/videos/a.mp4?size=360&license=cc-by",
        "the clip signal=3 and a design=4",
        "s3://bucket/key/a.mp4",
        "a token is needed: give --token",
        "data/author/a.mp4",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == hashed(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/alice/data/x.mp4: it is not there", "~/data/x.mp4: it is not there"),
        ("in /Users/bob smith", "in ~ smith"),
        (r"C:\Users\bob\x.mp4", r"~\x.mp4"),
        ("file:///home/alice/x", "file://~/x"),
        ("data/home/x", "data/home/x"),
    ],
)
def test_names_of_users_in_paths_are_not_shown(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(text, homes=False) == text
