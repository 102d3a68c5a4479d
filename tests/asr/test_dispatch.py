from __future__ import annotations

from dataclasses import replace

from asr.dispatch import Dispatch, Job
from asr.redis_streams import job_id
from asr.speech import WorkClass
from tests.asr.examples import an_utterance

LEAST_OUT = 8
"""Jobs that are sent of each class even without a worker."""


def a_job(id_: str, work: WorkClass = WorkClass.FINAL, put_at: float = 0.0) -> Job:
    utterance = replace(an_utterance(id_), work=work)
    return Job(job_id(utterance, "m"), utterance, put_at, put_at + 30.0)


def filled(count: int) -> Dispatch:
    dispatch = Dispatch("m", out_s=10.0)
    for number in range(count):
        dispatch.add_job(a_job(f"u{number}", put_at=float(number)))
    return dispatch


def send_all(dispatch: Dispatch, now_s: float) -> list[str]:
    """Return the ids of all jobs that may be sent now."""
    ids = []
    while (job := dispatch.next_job(now_s)) is not None:
        dispatch.mark_sent(job, now_s)
        ids.append(job.utterance.id)
    return ids


def test_of_each_class_only_as_many_are_out_as_workers_can_hold() -> None:
    dispatch = filled(20)
    assert send_all(dispatch, 20.0) == [f"u{number}" for number in range(LEAST_OUT)]
    dispatch.add_job(a_job("interim", WorkClass.PARTIAL, 20.0))
    assert send_all(dispatch, 20.0) == ["interim"]
    dispatch.note_workers(4)
    assert len(send_all(dispatch, 20.0)) == 3 * 4 - LEAST_OUT


def test_a_result_makes_room_for_another_job() -> None:
    dispatch = filled(LEAST_OUT + 1)
    send_all(dispatch, 20.0)
    assert dispatch.remove(dispatch.all_jobs()[0])
    assert send_all(dispatch, 20.0) == [f"u{LEAST_OUT}"]


def test_a_job_that_is_out_for_too_long_makes_room_and_stays_known() -> None:
    dispatch = filled(LEAST_OUT + 1)
    send_all(dispatch, 20.0)
    assert send_all(dispatch, 29.0) == []
    assert send_all(dispatch, 31.0) == [f"u{LEAST_OUT}"]
    assert len(dispatch) == LEAST_OUT + 1


def test_a_refused_class_waits_until_there_is_room() -> None:
    dispatch = filled(1)
    job = dispatch.next_job(1.0)
    assert job is not None
    dispatch.put_back(job, refused=True)
    assert dispatch.next_job(1.0) is None
    dispatch.note_room()
    assert dispatch.next_job(1.0) is job


def test_a_job_with_a_result_is_not_put_back() -> None:
    dispatch = filled(1)
    job = dispatch.next_job(1.0)
    assert job is not None
    assert not dispatch.remove(job)
    dispatch.put_back(job)
    assert dispatch.next_job(1.0) is None


def test_a_job_that_redis_forgot_is_sent_again() -> None:
    dispatch = filled(1)
    (job,) = dispatch.all_jobs()
    assert send_all(dispatch, 1.0) == ["u0"]
    dispatch.put_back_lost(job)
    assert job.sent_at is None
    assert send_all(dispatch, 2.0) == ["u0"]
