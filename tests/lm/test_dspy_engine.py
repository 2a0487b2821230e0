import copy
import threading

import anyio
import dspy
import pytest

from lm.base import Message
from lm.budget import Budget
from lm.dspy_engine import ProgramStop, dspy_lm, stops_as_errors
from lm.fake import Scripted
from lm.road import Road
from lm.store import ReplyStore
from workbench.errors import BudgetError, ModelError, UsageError

ANSWER = "[[ ## answer ## ]]\nyes\n\n[[ ## completed ## ]]"


@pytest.fixture
def open_lm():
    """Open LMs and end their threads."""
    opened = []

    def open_it(answer=lambda request: ANSWER, *, slots=16, latency_s=0.0, **settings):
        engine = Scripted(answer, slots=slots, latency_s=latency_s)
        road = Road(engine, **settings)
        opened.append(dspy_lm(road))
        return opened[-1], engine, road

    yield open_it
    for lm in opened:
        lm.engine.close()


def examples(count):
    return [dspy.Example(question=f"question {n}", answer="yes").with_inputs("question") for n in range(count)]


def is_right(example, prediction, trace=None):
    return example.answer == prediction.answer


def evaluate(program, count, threads):
    return dspy.Evaluate(devset=examples(count), metric=is_right, num_threads=threads)(program)


def test_predict_runs_on_the_road(open_lm):
    requests = []
    lm, engine, road = open_lm(lambda request: requests.append(request) or ANSWER)
    with dspy.context(lm=lm):
        assert dspy.Predict("question -> answer")(question="ready?").answer == "yes"
    assert engine.calls == road.ledger.calls == 1
    assert [message.role for message in requests[0].messages] == ["system", "user"]
    assert (requests[0].temperature, requests[0].max_tokens, requests[0].seed) == (0.0, 256, 0)


def test_settings_of_a_call_reach_the_engine(open_lm):
    requests = []
    lm, _, _ = open_lm(lambda request: requests.append(request) or "fine")
    assert lm("hello", temperature=0.5, max_tokens=9, seed=4, stop=["END"]) == ["fine"]
    (request,) = requests
    assert request.messages == (Message("user", "hello"),)
    assert (request.temperature, request.max_tokens, request.seed, request.stop) == (0.5, 9, 4, ("END",))


def test_schema_reaches_the_engine(open_lm):
    requests = []
    lm, _, _ = open_lm(lambda request: requests.append(request) or '{"answer": "yes"}')
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        assert dspy.Predict("question -> answer")(question="ready?").answer == "yes"
    assert requests[0].schema["required"] == ["answer"]


def test_async_call_runs_on_the_same_road(open_lm):
    lm, engine, road = open_lm()

    async def main():
        with dspy.context(lm=lm):
            return await dspy.Predict("question -> answer").acall(question="ready?")

    assert anyio.run(main).answer == "yes"
    assert engine.calls == road.ledger.calls == 1


def test_evaluate_with_threads_counts_the_same_calls_everywhere(open_lm):
    lm, engine, road = open_lm(latency_s=0.001)
    with dspy.context(lm=lm):
        result = evaluate(dspy.Predict("question -> answer"), 60, threads=16)
    assert result.score == 100
    assert engine.calls == road.ledger.calls == road.budget.spent.calls == 60


def test_store_answers_the_second_evaluation(open_lm, tmp_path):
    lm, engine, road = open_lm(store=ReplyStore(tmp_path / "replies.sqlite"))
    with dspy.context(lm=lm):
        for _ in range(2):
            evaluate(dspy.Predict("question -> answer"), 10, threads=4)
    assert (engine.calls, road.ledger.cached) == (10, 10)


def test_budget_stops_a_program_and_is_never_exceeded(open_lm):
    lm, engine, road = open_lm(latency_s=0.001, budget=Budget(max_calls=300))
    with dspy.context(lm=lm), pytest.raises(BudgetError, match="300 calls"), stops_as_errors():
        evaluate(dspy.Predict("question -> answer"), 400, threads=16)
    lm.engine.close()  # waits for the calls that other threads still had in flight
    assert engine.calls == road.budget.spent.calls == 300


def test_budget_stops_a_program_on_one_thread(open_lm):
    lm, engine, _ = open_lm(budget=Budget(max_calls=3))
    with dspy.context(lm=lm), pytest.raises(ProgramStop) as caught:
        evaluate(dspy.Predict("question -> answer"), 10, threads=1)
    assert isinstance(caught.value.error, BudgetError)
    assert engine.calls == 3


def test_bootstrap_few_shot_compiles(open_lm):
    lm, engine, road = open_lm()
    with dspy.context(lm=lm):
        program = dspy.BootstrapFewShot(metric=is_right, max_bootstrapped_demos=2, max_labeled_demos=2).compile(
            dspy.Predict("question -> answer"), trainset=examples(6)
        )
    assert len(program.demos) == 2
    assert engine.calls == road.ledger.calls == 2


def test_bootstrap_few_shot_stops_on_the_budget(open_lm):
    lm, _, _ = open_lm(lambda request: ANSWER.replace("yes", "no"), budget=Budget(max_calls=4))
    optimizer = dspy.BootstrapFewShot(metric=is_right)
    with dspy.context(lm=lm), pytest.raises(BudgetError), stops_as_errors():
        optimizer.compile(dspy.Predict("question -> answer"), trainset=examples(6))


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("rate_limit", dspy.LMRateLimitError),
        ("timeout", dspy.LMTimeoutError),
        ("server", dspy.LMServerError),
        ("connection", dspy.LMTransportError),
        ("auth", dspy.LMAuthError),
        ("request", dspy.LMInvalidRequestError),
        ("parse", dspy.LMProviderError),
    ],
)
def test_model_error_becomes_dspys_and_is_not_retried(cause, expected, open_lm):
    lm, engine, road = open_lm([ModelError("the model is out", cause=cause)])
    with pytest.raises(expected, match="the model is out"):
        lm("hello")
    assert engine.calls == road.ledger.failed == 1


def test_rollouts_and_candidates_are_distinct_samples(open_lm):
    requests = []
    lm, _, _ = open_lm(lambda request: requests.append(request) or ANSWER)
    lm("hello", temperature=1.0, n=3)
    lm.copy(rollout_id=1, temperature=1.0)("hello")
    lm("hello", temperature=1.0, rollout_id=2)
    assert len({request.seed for request in requests}) == 5


def test_a_rollout_at_temperature_0_is_the_same_request(open_lm):
    requests = []
    lm, _, _ = open_lm(lambda request: requests.append(request) or "fine")
    for rollout in (1, 2):
        lm("hello", rollout_id=rollout)
    assert requests[0] == requests[1]


def test_copies_share_the_road(open_lm):
    lm, _, road = open_lm()
    assert lm.copy(temperature=0.7).engine.road is copy.deepcopy(lm).engine.road is road


def test_tools_and_pictures_are_refused(open_lm):
    lm, engine, _ = open_lm()
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(dspy.LMUnsupportedFeatureError, match="text only"):
        lm(messages=[{"role": "user", "content": [picture]}])
    assert engine.calls == 0


def test_close_ends_the_thread():
    before = threading.active_count()
    lm = dspy_lm(Road(Scripted(["fine"])))
    assert lm("hello") == ["fine"]
    lm.engine.close()
    assert threading.active_count() == before
    with pytest.raises(UsageError, match="closed"), stops_as_errors():
        lm("hello")
