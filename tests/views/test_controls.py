"""Clicks, drags and what is typed, turned into commands; time is told by the test."""

from __future__ import annotations

import json

import pytest

from async_plot.views.controls import (
    EVERY,
    KEYS,
    ONCE_MORE,
    PATIENCE,
    SLIP,
    Controls,
    Edit,
    written,
)

from .steered import (
    CLIP,
    DT,
    LABEL,
    NOW,
    SCHEME,
    STEPS,
    WALL,
    Sent,
    heard,
    parameter,
    steering,
)


def test_a_click_gives_its_command() -> None:
    """Once."""
    sent: Sent = []
    controls = heard(steering("paused"), sent=sent)
    controls.act("step", 0.0, NOW)
    controls.act("resume", 0.0, NOW)
    assert sent == [("step", "", "", False), ("resume", "", "", False)]


def test_a_pause_can_be_meant_to_last() -> None:
    """Nothing else knows of that."""
    sent: Sent = []
    controls = heard(steering(), sent=sent)
    controls.act("pause", 0.0, NOW, hold=True)
    controls.act("pause", 0.0, NOW)
    assert [hold for *_, hold in sent] == [True, False]


@pytest.mark.parametrize("action", ["stop", "interrupt"])
def test_what_ends_a_run_asks_once_more(action: str) -> None:
    """A double click is a slip, a second click much later asks again."""
    sent: Sent = []
    controls = heard(steering(), sent=sent)
    controls.act(action, 0.0, NOW)
    assert controls.armed(NOW) == action
    controls.act(action, 0.0, NOW + SLIP / 2)
    assert not sent
    late = NOW + ONCE_MORE + 1
    assert not controls.armed(late)
    controls.act(action, 0.0, late)
    assert not sent
    controls.act(action, 0.0, late + 1)
    assert sent == [(action, "", "", False)]
    controls.act(action, 0.0, late + 1.5)
    assert len(sent) == 1


def test_a_key_that_is_held_down_asks_and_does_not_answer() -> None:
    """It repeats itself, after a while that differs between systems."""
    for first in (0.25, 0.66):
        sent: Sent = []
        controls = heard(steering(), sent=sent)
        controls.act("interrupt", 0.0, NOW)
        for repeat in range(300):
            controls.act("interrupt", 0.0, NOW + first + repeat / 25)
        assert not sent
        later = NOW + 60
        controls.act("interrupt", 0.0, later)
        controls.act("interrupt", 0.0, later + 1)
        assert len(sent) == 1


def test_the_answer_to_one_question_is_none_to_the_other() -> None:
    """Nor does a question outlive another command."""
    sent: Sent = []
    controls = heard(steering(), sent=sent)
    controls.act("stop", 0.0, NOW)
    controls.act("interrupt", 0.0, NOW + 1)
    controls.act("stop", 0.0, NOW + 2)
    assert not sent
    controls.act("pause", 0.0, NOW + 2.5)
    controls.act("stop", 0.0, NOW + 2.9)
    assert [action for action, *_ in sent] == ["pause"]


@pytest.mark.parametrize("action", ["pause", "step", "stop", "interrupt", "flip 4"])
def test_nothing_is_sent_that_cannot_take_effect(action: str) -> None:
    """However often somebody tries, by whatever key."""
    sent: Sent = []
    told = steering(checkpoints=0, interrupt="SIGINT is ignored there")
    controls = heard(told, sent=sent)
    looking = heard(steering(), CLIP, may=False)
    ended = heard(steering(), CLIP, sent=sent)
    ended.ended = True
    for each in (controls, looking, ended, heard(sent=sent), Controls()):
        for second in range(4):
            each.act(action, 0.0, NOW + second)
    assert not sent


def test_a_slider_that_is_dragged_sends_ten_a_second_and_the_last_exactly() -> None:
    """What it shows at the end is what was sent last."""
    sent: Sent = []
    controls = heard(steering(), STEPS, sent=sent)
    for step in range(101):
        controls.act("drag 2", step / 100, NOW + step / 100)
    assert 2 <= len(sent) <= 1 / EVERY + 1
    shown = controls.wanted(STEPS, NOW + 1)
    assert shown == "100"
    controls.release(NOW + 1)
    assert sent[-1] == ("set", "steps", 100, False)
    assert controls.wanted(STEPS, NOW + 1) == "100"


def test_a_slider_that_is_held_still_sends_what_it_shows() -> None:
    """The clock of the view sees to it, no other move."""
    sent: Sent = []
    controls = heard(steering(), STEPS, sent=sent)
    controls.act("drag 2", 0.2, NOW)
    controls.act("drag 2", 0.5, NOW + EVERY / 2)
    assert len(sent) == 1
    controls.tick(NOW + 2 * EVERY)
    assert len(sent) == 2 and str(sent[-1][2]) == controls.wanted(STEPS, NOW + 1)
    controls.tick(NOW + 9)
    controls.release(NOW + 9)
    assert len(sent) == 2


def test_a_click_on_a_slider_sends_once() -> None:
    """Press and release are one command."""
    sent: Sent = []
    controls = heard(steering(), STEPS, sent=sent)
    controls.act("drag 2", 0.5, NOW)
    controls.release(NOW)
    controls.tick(NOW + 5)
    assert len(sent) == 1


@pytest.mark.parametrize("share", [-1.0, 0.0, 0.1234567, 0.5, 0.999, 1.0, 7.0])
def test_a_slider_stays_within_its_bounds(share: float) -> None:
    """Its ends are the bounds themselves; a whole number stays whole."""
    odd = parameter("odd", 0.5, 3, minimum=-0.1, maximum=1 / 3)
    for each in (DT, STEPS, odd):
        sent: Sent = []
        controls = heard(steering(), each, sent=sent)
        controls.act(f"drag {each.order}", share, NOW)
        controls.release(NOW)
        number = sent[-1][2]
        assert each.minimum <= number <= each.maximum
        assert isinstance(number, int) == (each.kind == "int")
        if share in (0.0, 1.0):
            assert number == (each.maximum if share else each.minimum)
        assert controls.share(each, json.dumps(number)) == pytest.approx(
            min(1.0, max(0.0, share)), abs=0.01
        )


def test_a_wide_range_goes_by_factors() -> None:
    """From a millionth to one, the middle is a thousandth."""
    sent: Sent = []
    heard(steering(), DT, sent=sent).act("drag 1", 0.5, NOW)
    assert sent[-1][2] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("value", "action", "after"),
    [
        (0.01, "more", 0.011),
        (0.01, "less", 0.0099),
        (0.0099, "more", 0.01),
        (-1.0, "more", -0.99),
        (25.0, "less", 24.0),
        (0.0, "more", 0.1),
        (3, "more", 4),
        (-3, "less", -4),
    ],
)
def test_less_and_more_go_by_the_second_digit(
    value: float, action: str, after: float
) -> None:
    """Or by one, where the number is whole."""
    sent: Sent = []
    told = parameter("n", value)
    heard(steering(), told, sent=sent).act(f"{action} 1", 0.0, NOW)
    assert sent[-1][2] == pytest.approx(after)


def test_quick_clicks_add_up_before_the_run_has_answered() -> None:
    """And what was never answered is forgotten."""
    sent: Sent = []
    controls = heard(steering(), parameter("n", 3), sent=sent)
    for _ in range(3):
        controls.act("more 1", 0.0, NOW)
    assert [value for _, _, value, _ in sent] == [4, 5, 6]
    (told,) = controls.wheel.parameters
    assert controls.wanted(told, NOW) == "6"
    assert controls.wanted(told, NOW + 60) == ""
    controls.hear(parameter("n", 3, wanted=6), NOW, WALL)
    assert controls.wanted(controls.wheel.parameters[0], NOW + 60) == "6"
    controls.hear(parameter("n", 6), NOW, WALL)
    assert controls.wanted(controls.wheel.parameters[0], NOW) == ""


def test_more_does_not_pass_a_bound() -> None:
    """The last step leads to it."""
    sent: Sent = []
    controls = heard(steering(), parameter("x", 0.95, 1, maximum=0.96), sent=sent)
    controls.act("more 1", 0.0, NOW)
    controls.act("more 1", 0.0, NOW)
    assert [value for _, _, value, _ in sent] == [0.96, 0.96]


def test_the_other_kinds() -> None:
    """A switch flips, a choice is made, a change is taken back."""
    sent: Sent = []
    controls = heard(steering(), DT, CLIP, SCHEME, sent=sent)
    controls.act("flip 4", 0.0, NOW)
    controls.act("flip 4", 0.0, NOW)
    controls.act("choose 5 2", 0.0, NOW)
    controls.act("undo 1", 0.0, NOW)
    assert [told[:3] for told in sent] == [
        ("set", "clip", False),
        ("set", "clip", True),
        ("set", "scheme", "weno"),
        ("undo", "dt", ""),
    ]


def test_a_value_is_typed() -> None:
    """It begins with all digits of the present one."""
    sent: Sent = []
    controls = heard(steering(), DT, STEPS, LABEL, sent=sent)
    third = parameter("third", 1 / 3, 9)
    controls.hear(third, NOW, WALL)
    assert controls.act("type 9", 0.0, NOW) == Edit("third", repr(1 / 3))
    assert controls.act("type 6", 0.0, NOW) == Edit("label", "first try")
    controls.type("dt", " 2e-3 ", NOW)
    controls.type("third", "\N{MINUS SIGN}1", NOW)
    controls.type("steps", "70", NOW)
    controls.type("steps", "1e2", NOW)
    controls.type("label", '"quoted" é', NOW)
    assert [value for _, _, value, _ in sent] == [
        *(0.002, -1.0, 70, 100, '"quoted" é'),
    ]


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1,5", "0x10", "1e999"])
def test_what_is_no_number_is_refused_at_the_parameter(text: str) -> None:
    """It is not sent; the next that is right takes the refusal away."""
    sent: Sent = []
    controls = heard(steering(), DT, STEPS, sent=sent)
    controls.type("dt", text, NOW)
    controls.type("steps", text or "1.5", NOW)
    assert not sent
    assert "a finite number from 1e-06 to 1" in controls.refusals["dt"]
    assert "an integer from 1 to 100" in controls.refusals["steps"]
    controls.type("dt", "0.5", NOW)
    assert "dt" not in controls.refusals and len(sent) == 1


def test_a_refusal_stands_until_the_parameter_changes() -> None:
    """What was asked for is not shown any more."""
    sent: Sent = []
    controls = heard(steering(), DT, sent=sent)
    controls.type("dt", "7", NOW)
    assert controls.wanted(DT, NOW) == "" and "to 1, not 7" in controls.refusals["dt"]
    assert not sent
    controls.hear(parameter("dt", 0.01, 1, wanted=0.5), NOW, WALL)
    assert not controls.refusals


def test_what_is_gone_can_still_be_clicked() -> None:
    """It may have gone between the drawing and the click."""
    controls = heard(steering(), DT)
    controls.forget()
    for action in ("pause", "drag 1", "flip 9", "choose 5 x", "undo", "what"):
        assert controls.act(action, 0.5, NOW) is None
    controls.type("dt", "1", NOW)
    controls.release(NOW)
    controls.tick(NOW)


def test_how_long_it_is_paused_is_counted_on_the_views_clock() -> None:
    """From what the run said when it was heard first; it may say it again."""
    controls = heard()
    controls.hear(steering("paused"), NOW, WALL)
    controls.hear(steering("paused", checkpoints=1235), NOW + 50, WALL + 50)
    assert controls.since == NOW - 130
    controls.hear(steering("paused", since=WALL + 999), NOW, WALL)
    assert controls.since == NOW


def paused(sent: Sent, **how: bool) -> Controls:
    """A view that has paused its run."""
    controls = heard(steering(), sent=sent)
    controls.tick(NOW)
    controls.act("pause", 0.0, NOW, **how)
    controls.hear(steering("paused"), NOW, WALL)
    sent.clear()
    return controls


def test_a_pause_is_renewed_while_somebody_is_served() -> None:
    """A figure may draw for long; a view that is stuck for minutes lets go."""
    sent: Sent = []
    controls = paused(sent)
    for second in range(1, 61):
        controls.keep(NOW + second)
    assert 10 <= len(sent) <= 12 and {action for action, *_ in sent} == {"renew"}
    sent.clear()
    controls.keep(NOW + PATIENCE + 1)
    assert not sent
    controls.tick(NOW + PATIENCE + 2)
    controls.keep(NOW + PATIENCE + 2)
    assert len(sent) == 1


def test_a_view_that_ends_takes_its_own_pause_along() -> None:
    """And no other: that of somebody else, or one that is meant to last."""
    sent: Sent = []
    assert paused(sent).leave(NOW + 1)
    assert [action for action, *_ in sent] == ["resume"]
    sent.clear()
    assert not paused(sent, hold=True).leave(NOW + 1)
    assert not heard(steering("paused"), sent=sent).leave(NOW + 1)
    assert not heard(steering("paused"), may=False).leave(NOW + 1)
    over = paused(sent)
    over.ended = True
    assert not over.leave(NOW + 1)
    resumed = paused(sent)
    resumed.hear(steering("running"), NOW + 1, WALL)
    assert not resumed.leave(NOW + 2)
    assert not sent


def test_keys_are_no_keys_of_matplotlib() -> None:
    """Neither by default nor with another toolkit."""
    import matplotlib

    bound = {
        key
        for name, keys in matplotlib.rcParamsDefault.items()
        if name.startswith("keymap.")
        for key in keys
    }
    assert not bound & {*KEYS}


@pytest.mark.parametrize(
    ("value", "text"),
    [("true", "on"), ("0.123456", "0.1235"), ("7", "7"), ('"a b"', "a b"), ("[", "[")],
)
def test_values_are_written_for_people(value: str, text: str) -> None:
    """In four digits."""
    assert written(value) == text
    assert written("[" * 5000)
