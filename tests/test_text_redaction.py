"""Secrets do not stand in what is shown or kept; what is none is left as it is."""

from __future__ import annotations

import pytest

from gifbench.errors import Gone
from gifbench.text_redaction import hashed, redact

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


PLACES = [
    # the path of a webhook, whatever it is made of
    ("https://hooks.slack.com/{}", "services/T00/B00/XXXX"),
    ("https://hooks.x/{}", "services/T00/B00/XXXX"),
    ("https://outlook.webhook.example/{}", "a/b/c"),
    ("https://discord.com/api/webhooks/{}", "1234/short"),
    ("https://host/webhook/{}?wait=1", "abc"),
    ("https://api.telegram.org/bot{}", "123456:AAE-x_y/getFile"),
    # what nobody can guess, wherever it stands in a URL
    ("https://host/f/{}/video.mp4", "Zx8Kq2Lm9Vw4Rt7Yp3"),
    ("https://host/{}.mp4", "Ab3dEf6hIj9lMn2pQr5t"),
    ("https://host/s/{}?dl=1", "9f86d081884c7d659a2feaa0c55ad015"),
    ("https://host/{}/a.mp4", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
    ("https://host/{}/a.mp4", "k3j9x2m4p8q1z7w5v0n6b2"),
    ("https://host/-/{}", "xQ_7dRk-2LmVb9TzWq4Ys8HcNf1Gj"),
    ("https://drive.google.com/uc?id={}&export=download", "1A2b3C4d5E6f7G8h9I0jKLmNoPqRsTuVw"),
    ("https://host/a.mp4?hdnts={}", "exp9f86d081884c7d659a2feaa0c55ad015"),
    ("ccdnet:weights=https://host/{}/w.safetensors#sha256=" + "0a" * 32, "Zx8Kq2Lm9Vw4Rt7Yp3"),
    # what a name, a shape or a place says
    ("https://host/a.mp4?key={}", "abcdef"),
    ("https://x.azurewebsites.net/api/f?code={}", "abc/+def=="),
    ("https://www.dropbox.com/s/x/a.mp4?rlkey={}&dl=0", "abcdef"),
    ("AccountName=x;AccountKey={};EndpointSuffix=y", "abc+/12=="),
    ("https://storage.googleapis.com/b/a.mp4?GoogleAccessId=me&Expires=1&Signature={}", "ab%2Bcd%3D"),
    ("https://x.blob.core.windows.net/a.mp4?sv=2024&se=2026&sr=b&sp=r&sig={}", "ab%2Bcd%3D"),
    ("curl -u me:{} https://host/a.mp4", "geheim"),
    ("npm_{}", "abcdefghij"),
    ("data/run_hf_{}/a", "abcdefghijkl"),
    ("-----BEGIN RSA PRIVATE KEY----- {} -----END RSA PRIVATE KEY-----", "MIIEow"),
]


@pytest.mark.parametrize(("text", "secret"), PLACES)
def test_a_secret_without_a_telling_name_is_hidden(text: str, secret: str) -> None:
    whole = text.format(secret)
    for hide in (redact, hashed):
        assert secret not in hide(whole)
        assert hide(hide(whole)) == hide(whole)
        assert hide(whole)[:4] == whole[:4] or "://" not in whole
    assert hashed(whole) != hashed(text.format(secret + "x"))
    assert redact(whole).endswith(whole[whole.rindex(secret) + len(secret) :])


@pytest.mark.parametrize(
    "path",
    [
        "videos/big_buck_bunny_1080p_h264_30fps_stereo.mp4",
        "How_to_cook-dQw4w9WgXcQ.mp4",
        "Holiday2023FinalCutVersion.mov",
        "MyBigFatGreekWeddingTrip.mov",
        "VID_20230401_123456789_HDR.mp4",
        "2023-05-01T10-22-33Z/GOPR0123.MP4",
        "season01episode12part3.mkv",
        "WhatsApp%20Video%202023-04-01%20at%2010.11.12.mp4",
        "owner/model/resolve/0123456789abcdef0123456789abcdef01234567/w.safetensors#sha256=" + "0a" * 32,
        "hooks.mp4",
    ],
)
def test_ordinary_names_in_urls_stay(path: str) -> None:
    assert redact(f"https://host/{path}") == hashed(f"https://host/{path}") == f"https://host/{path}"


def test_names_on_this_machine_and_in_buckets_stay() -> None:
    for text in ("s3://bucket/9f86d081884c7d659a2feaa0c55ad015/a.mp4", "data/9f86d081884c7d659a2feaa0c55ad015.mp4"):
        assert redact(text) == text


def test_random_parts_of_a_url_are_told_from_words_nearly_always() -> None:
    import random
    import string

    letters, drawn = string.ascii_letters + string.digits, random.Random(0)
    alphabets = {letters + "-_": (22, 32, 43), "0123456789abcdef": (32, 40, 64), letters: (20, 24)}
    for alphabet, lengths in alphabets.items():
        for length in lengths:
            tokens = ["".join(drawn.choices(alphabet, k=length)) for _ in range(300)]
            hidden = sum(token not in redact(f"https://host/{token}/a.mp4") for token in tokens)
            assert hidden >= 270, (length, alphabet)


def test_a_long_text_of_urls_is_read_in_time_that_grows_with_it() -> None:
    for text in (
        "https://" + "a" * 200_000,
        "https://h/" + "/" * 200_000,
        "https://h/" + "a1" * 100_000 + "?" + "&" * 100_000,
    ):
        redact(text)
