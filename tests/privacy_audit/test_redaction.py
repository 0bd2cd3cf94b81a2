"""Screens that leave for a model elsewhere: counted as sent, and painted over if asked to."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from agentenv.actions import Wait
from agentenv.collecting import collect
from agentenv.dialects import get_dialect
from agentenv.errors import ConfigError
from agentenv.observations import Observation, UIElement
from agentenv.policies.base import Egress, History
from agentenv.policies.endpoint import EndpointPolicy, Redacted
from agentenv.policies.scripted import OraclePolicy
from agentenv.tasks import get_task
from agentenv.trajectories.episode import Episode, Step
from privacy_audit import ocr
from privacy_audit.auditing import audit_episode
from privacy_audit.canaries import Canaries, Item
from privacy_audit.contract import Contract
from privacy_audit.ocr import ScreenReader
from privacy_audit.phone_contract import contract_for
from privacy_audit.policy import load_policy
from privacy_audit.redaction import HIDDEN, Redactor
from privacy_audit.reports.pictures import picture_of
from privacy_audit.sightings import Lookout
from tests.endpoints import endpoint, says
from tests.privacy_audit.screens import picture

TASK = "phone/restaurants-book-with-phone"


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[Episode, list[bytes], list[str]]:
    """A redacted episode on a real screen: (it, the images and the texts that left)."""
    task, latest = get_task(TASK), list[History]()
    oracle, dialect, redactor = OraclePolicy({TASK: task}), get_dialect("json"), Redactor()

    def redact(history: History) -> Redacted:
        latest[:] = [history]
        return redactor(history)

    def answer(question: object) -> tuple[int, object]:
        return 200, says(oracle.act(latest)[0].text)

    with pytest.MonkeyPatch.context() as patch, endpoint(answer) as served:
        patch.setenv("no_proxy", "127.0.0.1")
        policy = EndpointPolicy(f"{served.url}#m", action_types=("tap",), redact=redact)
        path = tmp_path_factory.mktemp("sent") / "store"
        store = collect(policy, [task], path, split="test", episodes=1, devices=1)
    (episode,) = store.episodes()
    contents = [one["messages"][0]["content"] for one in served.asked]
    images = [base64.b64decode(one[1]["image_url"]["url"].partition(",")[2]) for one in contents]
    assert dialect.name == "json"
    return episode, images, [one[0]["text"] for one in contents]


def test_no_value_can_be_read_on_an_image_that_left(
    sent: tuple[Episode, list[bytes], list[str]], read: ScreenReader
) -> None:
    episode, images, _ = sent
    assert episode.success
    contract = contract_for(episode.task, "test", 0)
    hidden = [step.egress.hidden for step in episode.steps if step.egress]
    covered = [at for at, one in enumerate(hidden) if one]
    names = {one.what for each in hidden for one in each}
    assert {"name", "phone"} <= names
    for at in {covered[0], covered[-1]}:
        assert not contract.lookout.find(read(images[at]))
    shown = episode.steps[covered[-1]].observation.png
    assert contract.lookout.find(read(shown)), "the same test sees them on what was not painted"


def test_the_store_keeps_the_hash_of_what_was_sent_and_the_elements_hide_it_too(
    sent: tuple[Episode, list[bytes], list[str]],
) -> None:
    episode, images, texts = sent
    for step, image, text in zip(episode.steps, images, texts, strict=True):
        assert step.egress is not None
        assert step.egress.image == hashlib.sha256(image).hexdigest()
        changed = image != step.observation.png
        assert changed == bool(step.egress.hidden) == (HIDDEN in text)


def test_a_sent_screen_is_a_transmission_and_a_redacted_one_is_not(
    sent: tuple[Episode, list[bytes], list[str]],
) -> None:
    episode, _, _ = sent
    policy = load_policy()
    assert not [one for one in audit_episode(episode, policy).findings if one.rule == "sent-away"]
    # A private value that the task does not need is on every screen, and nothing was hidden.
    contract = contract_for(episode.task, "test", 0)
    allergy = contract.item("allergy")
    assert allergy is not None
    note = UIElement(0, "text", allergy.value, (0.1, 0.4, 0.9, 0.5))
    steps = tuple(
        replace(
            one,
            observation=replace(one.observation, elements=(note,)),
            egress=Egress("api.example", "0163"),
        )
        for one in episode.steps
    )
    bare = replace(episode, steps=steps)
    (finding,) = (one for one in audit_episode(bare, policy).findings if one.rule == "sent-away")
    flow = finding.flow
    assert (flow.item, flow.recipient, flow.level) == ("allergy", "api.example", "transmitted")
    assert (flow.place.id, flow.box, flow.boxed) == (
        "screenshot_egress:api.example",
        note.bounds,
        0,
    )
    assert picture_of(bare, finding, contract) is not None


def test_fields_of_tasks_without_a_contract_are_known_by_their_form() -> None:
    seen = Observation(
        picture("x"),
        (
            UIElement(0, "textbox", "Mail", (0.1, 0.1, 0.9, 0.2), value="brisa@kestwyn.example"),
            UIElement(1, "textbox", "Secret", (0.1, 0.3, 0.9, 0.4), value="abc", password=True),
            UIElement(2, "text", "Write to shop@lamps.example", (0.1, 0.5, 0.9, 0.6)),
        ),
        "shop",
        goal="Order at shop@lamps.example",
    )
    redacted = Redactor()(History(seen, instance="shop/buy/test/0"))
    assert [one.what for one in redacted.hidden] == ["email", "password"]
    assert [one.value for one in redacted.observation.elements] == [HIDDEN, HIDDEN, ""]
    assert redacted.observation.elements[2] == seen.elements[2]
    image = redacted.observation.screenshot
    assert image[96, 180].tolist() == [0x1F, 0x23, 0x28]
    assert image[352, 180].tolist() == [255, 255, 255]


def test_a_screen_without_elements_is_read_before_it_leaves(
    monkeypatch: pytest.MonkeyPatch, read: ScreenReader
) -> None:
    seen = Observation(picture("Mail", "brisa@kestwyn.example"), (), "shop", goal="Order")
    history = History(seen, instance="shop/buy/test/0")
    redacted = Redactor(read)(history)
    assert [one.what for one in redacted.hidden] == ["email"]
    mail = Canaries([Item("email", "brisa@kestwyn.example", "email", True)])
    assert Lookout(mail).find(read(seen.png))
    assert not Lookout(mail).find(read(redacted.observation.png))
    monkeypatch.setattr(ocr, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"agentenv\[ocr\]"):
        Redactor()(history)


def test_a_sent_screen_without_elements_is_judged_by_what_was_read() -> None:
    item = Item("phone", "+1 702 555 0163", "phone", True)
    lines = (ocr.TextLine("+1 7O2 555 0163", (0.1, 0.1, 0.5, 0.2)),)
    seen = Observation(picture("x"), (), "shop/order")
    step = Step(seen, "", Wait(), Wait(), 0.0, egress=Egress("api.example", "ab"))
    episode = Episode("shop/buy", "test", 0, "m", "1", (step,), None, True, False)
    audit = audit_episode(
        episode, load_policy(), Contract("shop", items=(item,)), read=lambda png: lines
    )
    (finding,) = (one for one in audit.findings if one.rule == "sent-away")
    assert (finding.flow.item, finding.flow.evidence) == ("phone", "screenshot")
