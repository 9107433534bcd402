"""Which specifications a sweep tries."""

from __future__ import annotations

import pytest

from features.market.season import BEYOND
from models.hazard.candidates import CANDIDATES
from models.sweep.grid import DEFAULT_AXES, Grid, grid, read_axes
from models.sweep.run import axes_of, require_embedded
from models.sweep.specification import Specification, SpecificationError, hidden_features


def test_the_default_grid_is_81_definitions_of_the_simple_candidates():
    made = grid(DEFAULT_AXES).specifications
    assert len({each.definition for each in made}) == 81
    assert len(made) == 162
    assert len(set(made)) == 162
    # The program's own is in its middle.
    assert Specification() in made


@pytest.mark.parametrize(
    ("axes", "count", "left_out"),
    [
        ({"threshold": (70, 75)}, 2, 0),
        ({"threshold": (70, 70.0)}, 1, 0),
        # Who draws nothing has no seed, who sees no feature cannot do without it.
        ({"seed": (0, 1, 2), "without": ("russell",)}, 1, 0),
        ({"seed": (0, 1), "without": ("russell",), "candidate": ("logistic_all",)}, 2, 0),
        ({"seed": (0, 1), "without": ("russell",), "candidate": ("lightgbm_all",)}, 4, 0),
        # Paths were simulated for one window, one top and two thresholds.
        ({"window_days": (60, 90), "candidate": ("pool", "logistic")}, 3, 1),
        ({"threshold": (75, 80), "candidate": ("pool", "logistic")}, 3, 1),
    ],
)
def test_each_specification_is_tried_once(axes, count, left_out):
    made = grid(axes)
    assert len(made.specifications) == count
    assert sum(made.obstacles.values()) == left_out


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"threshold": (50,)}, "threshold must be above 50 .* got 50"),
        ({"threshold": (101,)}, "threshold must be above 50 .* at most 100, got 101"),
        ({"top": (0,)}, "top must be at least 1, got 0"),
        ({"quiet_days": (0,)}, "quiet_days must be at least 1, got 0"),
        ({"candidate": ("oracle",)}, "candidate must be one of climatology, .* got 'oracle'"),
        ({"without": ("moon",)}, "without must be one of russell, .* got 'moon'"),
        ({"window_days": (60,), "candidate": ("pool",)}, "no specification is left: pool needs"),
        ({"moon": (1,)}, "choices are threshold, .* got 'moon'"),
    ],
)
def test_what_cannot_be_is_refused(axes, message):
    with pytest.raises(SpecificationError, match=message):
        grid(axes)


@pytest.mark.parametrize("axes", [{"window_days": (45,)}, {"top": (30,)}, {"top": (20, 200)}])
def test_windows_and_tops_beyond_the_embedded_need_the_files(axes):
    with pytest.raises(SpecificationError) as error:
        require_embedded(grid(axes))
    assert str(error.value).startswith(BEYOND)
    assert "need --source files, got window" in str(error.value)


def test_a_sample_is_a_part_of_the_grid_and_always_the_same():
    whole, part = grid(DEFAULT_AXES), grid(DEFAULT_AXES, sample=20)
    assert len(part.specifications) == 20
    assert part == grid(DEFAULT_AXES, sample=20)
    assert part != grid(DEFAULT_AXES, sample=20, seed=1)
    order = [whole.specifications.index(each) for each in part.specifications]
    assert order == sorted(order)
    assert grid(DEFAULT_AXES, sample=1000) == whole


def test_a_file_names_choices_as_the_options_do(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text('threshold = [70, 75.5]\nwindow = 60\nmodel = ["persistence"]\n')
    made = grid(read_axes(path))
    assert made == Grid(
        tuple(Specification(value, 60, candidate="persistence") for value in (70.0, 75.5)), {}
    )
    assert axes_of({"window": [60], "model": ["x"]}) == {"window_days": [60], "candidate": ["x"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("window_days = 60", "keys are threshold, window, .* got 'window_days'"),
        ('window = ["60"]', "window cannot be '60'"),
        ("top = true", "top cannot be True"),
        ("model = [1]", "model cannot be 1"),
        ("threshold = [", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    with pytest.raises(SpecificationError, match=message):
        read_axes(path)


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_can_be_had_under_the_default_definition(name):
    assert Specification(candidate=name).obstacle() is None
    assert Specification.from_dict(Specification(candidate=name).as_dict()) == Specification(
        candidate=name
    )


def test_a_group_left_out_names_its_features():
    assert hidden_features("") == ()
    assert "russell2000" in " ".join(hidden_features("russell")) or hidden_features("russell")
    assert "season_index" not in hidden_features("breadth")
