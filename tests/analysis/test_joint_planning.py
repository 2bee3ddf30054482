"""One plan for several resolutions: the least time, the hardest of them, and rounds that do not suffice."""

import pytest

from meshperf.analysis import Asked, Pilot, RoundLength, plan_stopping, plan_together, rounds_for

LENGTHS = tuple(RoundLength(scale=scale, round_s=8 + 10 * scale) for scale in (0.5, 1.0, 2.0, 4.0))


def _asked(resolution=0.05, **settings):
    pilot = Pilot(**{"metric": "p50", "rounds": 3, "slices": 40, "between_sd": 0.04, "within_sd": 0.02, **settings})
    return Asked(pilot=pilot, resolution=resolution, slices=(20, 40, 80, 160))


def test_the_hardest_of_several_says_how_many_rounds_there_are():
    easy, hard = _asked(0.20), _asked(0.05)
    both = plan_together([easy, hard], LENGTHS, most=200)
    alone = plan_together([hard], LENGTHS, most=200)
    assert (both.choice, both.rounds) == (alone.choice, alone.rounds)
    assert both.each[0] < both.each[1] == both.rounds == both.needed


def test_no_other_length_would_have_taken_less_time():
    asked = [_asked(0.04, within_sd=0.04)]
    chosen = plan_together(asked, LENGTHS, most=200)
    cost = chosen.rounds * LENGTHS[chosen.choice].round_s
    for choice, length in enumerate(LENGTHS):
        (alone,) = ([length],)
        other = plan_together(
            [Asked(pilot=asked[0].pilot, resolution=0.04, slices=(asked[0].slices[choice],))], alone, most=200
        )
        assert other.needed is None or cost <= other.needed * length.round_s + 1e-9


def test_dear_deployments_make_rounds_long_and_cheap_ones_short():
    asked = [_asked(0.04, between_sd=0.05, within_sd=0.05)]
    dear = tuple(RoundLength(scale=length.scale, round_s=600 + 10 * length.scale) for length in LENGTHS)
    cheap = tuple(RoundLength(scale=length.scale, round_s=0.1 + 10 * length.scale) for length in LENGTHS)
    assert LENGTHS[plan_together(asked, dear, most=200).choice].scale == 4.0
    assert LENGTHS[plan_together(asked, cheap, most=200).choice].scale < 4.0


def test_the_rounds_are_enough_at_the_level_of_the_last_look():
    plan = plan_together([_asked(0.05)], LENGTHS, most=200)
    last = plan_stopping(plan.rounds).alphas[-1]
    assert last < 0.05
    one = _asked(0.05)
    at_it = rounds_for(one.pilot, 0.05, alpha=last, slices=(one.slices[plan.choice],))
    assert plan.rounds == at_it.rounds
    assert plan.rounds >= rounds_for(one.pilot, 0.05, slices=(one.slices[plan.choice],)).rounds


def test_too_few_rounds_allowed_are_planned_all_the_same_and_what_comes_of_it_is_told():
    plan = plan_together([_asked(0.01)], LENGTHS, most=10)
    assert plan.rounds == 10
    assert plan.needed is None or plan.needed > 10
    assert plan.half_widths[0] > 0.01


def test_where_only_luck_is_left_rounds_that_are_too_few_are_not_made_longer_as_well():
    plan = plan_together([_asked(0.001, between_sd=0.10, within_sd=0.001)], LENGTHS, most=5)
    assert plan.choice == 0


def test_a_round_shorter_than_the_pilots_is_no_choice_where_its_slices_tell_nothing():
    plan = plan_together([_asked(0.05, within_sd=None)], LENGTHS, most=200)
    assert LENGTHS[plan.choice].scale >= 1.0


@pytest.mark.parametrize(("asked", "lengths"), [([], LENGTHS), ([_asked()], ())])
def test_nothing_asked_or_nothing_to_choose_is_refused(asked, lengths):
    with pytest.raises(ValueError, match="a resolution and a length"):
        plan_together(asked, lengths, most=10)
