"""A model as the judge, against a local endpoint."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentenv.actions import Answer
from agentenv.cli.main import main
from agentenv.errors import ConfigError, DeviceError
from agentenv.trajectories.episode import Episode
from agentenv.trajectories.store import TrajectoryWriter
from tests.endpoints import Endpoint, endpoint, says, scores
from tests.trajectories.factories import make_episode
from trainers.craft_gui.calibration import as_mapping, calibrate
from trainers.craft_gui.judge import EndpointJudge, JudgeConfig
from trainers.craft_gui.rewards import EpisodeRewardConfig, episode_reward


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def judge_at(
    served: Endpoint, cache: Path, pauses: list[float] | None = None, **fields: Any
) -> EndpointJudge:
    config = JudgeConfig(served.url, "small-judge", **fields)
    waited = pauses if pauses is not None else []
    return EndpointJudge(config, cache, pause=waited.append)


def answered(text: str = "12 May", index: int = 0) -> Episode:
    episode = make_episode(index, reward=0.0, goal="When is the flight?")
    last = replace(episode.steps[-1], action=Answer(text=text))
    return replace(episode, steps=(*episode.steps[:-1], last))


def test_the_judge_sees_the_goal_the_actions_and_the_last_screen(tmp_path: Path) -> None:
    with endpoint(lambda question: (200, scores(0.75))) as served:
        assert judge_at(served, tmp_path)(answered()) == 0.75
    (question,) = served.asked
    assert served.paths == ["/v1/chat/completions"]
    assert question["model"] == "small-judge"
    text, picture = question["messages"][1]["content"]
    assert "Task: When is the flight?" in text["text"]
    assert '2. {"type":"answer","text":"12 May"}' in text["text"].replace('": "', '":"')
    assert '"label":"ONE"' in text["text"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


def test_a_judge_that_only_reads_gets_no_picture(tmp_path: Path) -> None:
    with endpoint(lambda question: (200, scores(1))) as served:
        judge_at(served, tmp_path, image=False)(answered())
    assert len(served.asked[0]["messages"][1]["content"]) == 1


def test_the_same_question_is_asked_once_even_by_a_later_run(tmp_path: Path) -> None:
    with endpoint(lambda question: (200, scores(0.25))) as served:
        first = judge_at(served, tmp_path)
        assert [first(answered()), first(answered())] == [0.25, 0.25]
        assert judge_at(served, tmp_path).judge(answered()).reason == "because"
        assert len(served.asked) == 1
        first(answered("13 May"))
        judge_at(served, tmp_path, image=False)(answered())
        assert len(served.asked) == 3


def test_a_damaged_cache_file_is_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with endpoint(lambda question: (200, scores(0.5))) as served:
        judge_at(served, tmp_path)(answered())
        (file,) = tmp_path.glob("*.json")
        file.write_text('{"score": 0.')
        with caplog.at_level(logging.WARNING, logger="trainers"):
            assert judge_at(served, tmp_path)(answered()) == 0.5
        assert file.name in caplog.text
        assert json.loads(file.read_text())["score"] == 0.5


@pytest.mark.parametrize(
    "failure",
    [
        (503, "overloaded"),
        (429, {"error": "slow down"}),
        (200, "<html>"),
        (200, [1]),
        (200, {"choices": []}),
        (200, says("I think it went well.")),
        (200, says('{"score": 7}')),
        (200, says('{"score": true}')),
        (200, says('{"score": "good"}')),
    ],
)
def test_what_may_be_better_next_time_is_asked_again(tmp_path: Path, failure: Any) -> None:
    pauses: list[float] = []
    answers = iter([failure, failure, (200, scores(0.5))])
    with endpoint(lambda question: next(answers)) as served:
        assert judge_at(served, tmp_path, pauses)(answered()) == 0.5
    assert pauses == [1.0, 2.0]


def test_the_wait_that_the_endpoint_asks_for_is_kept_up_to_a_minute(tmp_path: Path) -> None:
    pauses: list[float] = []
    with endpoint(lambda question: (429, "")) as served:
        served.answer_headers = {"Retry-After": "7"}
        with pytest.raises(DeviceError):
            judge_at(served, tmp_path, pauses, retries=1)(answered())
        served.answer_headers = {"Retry-After": "9000"}
        with pytest.raises(DeviceError):
            judge_at(served, tmp_path, pauses, retries=1)(answered())
    assert pauses == [7.0, 60.0]


def test_a_judge_that_keeps_failing_is_a_failure_of_the_infrastructure(tmp_path: Path) -> None:
    with endpoint(lambda question: (500, "out of memory")) as served:
        judge = judge_at(served, tmp_path, retries=2)
        with pytest.raises(DeviceError, match=r"3 times.*out of memory") as failure:
            episode_reward(answered(), EpisodeRewardConfig(), judge=judge)
    assert failure.value.cause == "judge_failed"
    assert len(served.asked) == 3
    with pytest.raises(DeviceError, match="does not answer"):
        judge_at(served, tmp_path, retries=0, timeout=5)(answered())
    assert not list(tmp_path.iterdir())


def test_a_refusal_is_not_repeated_and_no_redirect_followed(tmp_path: Path) -> None:
    with endpoint(lambda question: (401, "wrong key")) as served:
        with pytest.raises(DeviceError, match="refuses: HTTP 401: wrong key"):
            judge_at(served, tmp_path)(answered())
        served.answer = lambda question: (302, "")
        served.answer_headers = {"Location": served.url}
        with pytest.raises(DeviceError, match="HTTP 302"):
            judge_at(served, tmp_path)(answered())
    assert len(served.asked) == 2


def test_the_key_is_sent_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MY_KEY", "s3cret")
    caplog.set_level(logging.DEBUG)
    with (
        endpoint(lambda question: (500, "no")) as served,
        pytest.raises(DeviceError) as failure,
    ):
        judge_at(served, tmp_path, key_variable="MY_KEY")(answered())
    assert served.headers[0]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in caplog.text + str(failure.value)


def test_the_budget_is_kept_across_runs_and_what_is_cached_stays_free(tmp_path: Path) -> None:
    # 1,000 tokens in at 100 a million, 10 out at 1,000 a million: 0.11 a question.
    prices: dict[str, Any] = {"price_in": 100.0, "price_out": 1000.0, "budget": 0.2}
    with endpoint(lambda question: (200, scores(0.5))) as served:
        first = judge_at(served, tmp_path, **prices)
        first(answered("1"))
        assert first.spent == pytest.approx(0.11)
        second = judge_at(served, tmp_path, **prices)
        second(answered("2"))
        with pytest.raises(DeviceError, match=r"0.22 of 0.20") as failure:
            second(answered("3"))
        assert failure.value.cause == "judge_budget"
        assert second(answered("1")) == 0.5
    assert len(served.asked) == 2


def test_a_budget_that_cannot_be_kept_is_said_so(tmp_path: Path) -> None:
    reply = scores(1.0)
    del reply["usage"]
    with endpoint(lambda question: (200, reply)) as served:
        with pytest.raises(DeviceError, match="how many tokens"):
            judge_at(served, tmp_path, price_in=1.0)(answered())
        assert judge_at(served, tmp_path)(answered()) == 1.0


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "127.0.0.1:8000/v1", "model": "m"}, "http"),
        ({"url": "http://127.0.0.1:8000/v1"}, "model"),
        ({"budget": -1.0}, "budget is -1"),
        ({"timeout": math.nan}, "timeout is nan"),
    ],
)
def test_bad_settings_are_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        JudgeConfig(**fields)


# Calibration.


def test_the_confusion_table_and_kappa_are_those_worked_out_by_hand() -> None:
    scored = [(0.9, True)] * 4 + [(0.6, False)] * 2 + [(0.4, True)] + [(0.1, False)] * 3
    found = calibrate(scored)
    assert (found.both_pass, found.only_judge, found.only_verifier, found.both_fail) == (4, 2, 1, 3)
    assert found.agreement.rate == pytest.approx(0.7)
    # By chance 0.6 * 0.5 + 0.4 * 0.5 = 0.5.
    assert found.kappa == pytest.approx((0.7 - 0.5) / (1 - 0.5))
    assert found.score_of_passes == pytest.approx((4 * 0.9 + 0.4) / 5)
    assert calibrate(scored, threshold=0.7).only_judge == 0


def test_where_everything_passes_kappa_is_undefined() -> None:
    found = calibrate([(1.0, True)] * 3)
    assert math.isnan(found.kappa)
    assert as_mapping(found)["kappa"] is None
    assert as_mapping(found)["score_of_fails"] is None
    assert calibrate([]).n == 0


def test_agentenv_judge_calibrate_prints_the_table_and_resumes_from_its_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with TrajectoryWriter(tmp_path / "store", policy="p", suite="miniwob", seed=0) as writer:
        for index in range(6):
            writer.append(make_episode(index, reward=float(index < 3), goal=f"Click {index}."))
        writer.append(make_episode(6, infra_error="browser_crashed"))

    def answer(question: dict[str, Any]) -> tuple[int, Any]:
        goal = question["messages"][1]["content"][0]["text"].splitlines()[0]
        return 200, scores(1.0 if goal in ("Task: Click 0.", "Task: Click 5.") else 0.0)

    with endpoint(answer) as served:
        command = ["judge", "calibrate", str(tmp_path / "store"), "--judge.url", served.url]
        command += ["--judge.model", "m", "--out", str(tmp_path / "out")]
        assert main(command) == 0
        assert main(command) == 0
    assert len(served.asked) == 6
    out = capsys.readouterr().out
    assert "agreement 50.0 %" in out
    results = json.loads((tmp_path / "out" / "calibration.json").read_text())
    assert [results[name] for name in ("both_pass", "only_judge", "only_verifier")] == [1, 1, 2]
    assert results["agreement"]["n"] == 6


def test_calibrating_without_an_endpoint_says_what_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", "calibrate", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "no url" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
