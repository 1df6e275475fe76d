"""What is taken out of free text before it leaves the operator's terminal."""

from __future__ import annotations

import pytest

from monitor.outputs.redact import model_name, redacted
from streams.clock import monotonic_s

pytestmark = pytest.mark.unit

SAID = {
    "cannot read /home/carol/labels.csv": "cannot read (path)",
    "wrote ~/out/clean.mkv; done": "wrote (path); done",
    "see 'my videos/carol talks.mp4' again": "see (path) again",
    "the file 'carol talks.mp4' is short": "the file (file) is short",
    "carol-interview.mp4 ended": "(file) ended",
    r"no C:\Users\carol\x.wav here": "no (path) here",
    r"no \\server\carol here": "no (path) here",
    "recordings/carol is full": "(path) is full",
    "rtsp://carol:hunter2@10.0.0.7/cam: refused": "(address): refused",
    "waiting at http://127.0.0.1:8889/": "waiting at (address)",
    "http://h/v1, then http://g/v1": "(address), then (address)",
    "carol@example.org said": "(address) said",
    "no route to 10.0.0.7:554": "no route to (address)",
    "from fe80::1 or [2001:db8::7]:80": "from (address) or (address)",
    "localhost:11434 is busy": "(address) is busy",
    "cam.living-room.local is away": "(address) is away",
    "key=abc was refused": "key (secret) was refused",
    "Bearer 12345abc refused": "Bearer (secret) refused",
    "sk-proj1234567890abcdefghij is wrong": "(secret) is wrong",
    "...cam.lan, 1.cam:80 and .venv/bin": "...(address), (address) and (path)",
    "USB Audio went away": "(name) went away",
    "two\nlines": "two lines",
}


@pytest.mark.parametrize(("said", "left"), SAID.items(), ids=range(len(SAID)))
def test_what_names_somebody_or_something_of_this_machine_is_taken_out(said: str, left: str) -> None:
    assert redacted(said, ["mic:USB Audio"]) == left


@pytest.mark.parametrize(
    "said",
    [
        "12/34 frames at 0:12:30 and/or 3.5 /s",
        "elbows out of view",
        "outputs.mqtt.host: nobody there",
        "coverage under 50 %",
        "connection refused; tried again in 4 s",
        "session l-0123456789abcdef",
        "at 12:30",
    ],
)
def test_plain_words_and_figures_stay(said: str) -> None:
    assert redacted(said) == said


def test_what_a_session_calls_its_files_goes_wherever_it_stands() -> None:
    assert (
        redacted("Carol 2 stalled, carol3, cameras", ["/data/Carol 2", "c", "cam"]) == "(name) stalled, carol3, cameras"
    )


RUNS = (
    "a.",
    "a..",
    "a-",
    "1.",
    "~a.",
    "-",
    "~",
    ".",
    "a",
    "1",
    "a1",
    "a.b-",
    "a/",
    "::",
    ":a",
    "x",
    "'",
    "'/",
    "a@",
    "\\",
    " ",
)


def test_a_long_text_is_cut_and_takes_no_time() -> None:
    begun_s = monotonic_s()
    for long in (run * 50_000 for run in RUNS):
        assert len(redacted(long)) <= 500
    assert monotonic_s() - begun_s < 1.0


@pytest.mark.parametrize("run", RUNS)
def test_no_rule_takes_the_square_of_a_text(run: str) -> None:
    def took_s(length: int) -> float:
        texts = [f"{number}{run * (length // len(run))}" for number in range(3)]
        begun_s = monotonic_s()
        for text in texts:
            redacted(text, most=length)
        return monotonic_s() - begun_s

    # Sixteen times as long: 16 times the time, where it would be 256 times.
    assert took_s(32_000) < 80 * took_s(2_000) + 0.05


def test_where_a_long_text_is_cut_no_half_of_a_secret_is_left() -> None:
    long = "word " * 198 + "xxsk-proj1234567890abcdefghijkl"
    assert "sk-" not in redacted("/a/path/of/a/hundred/" + "x" * 700 + " " + long)


def test_a_model_is_named_without_its_folder() -> None:
    assert model_name("/home/carol/models/llava-7b/") == "llava-7b"
    assert model_name("Qwen/Qwen2.5-VL-7B-Instruct") == "Qwen2.5-VL-7B-Instruct"
    assert model_name("") == ""
