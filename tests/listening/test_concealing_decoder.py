from __future__ import annotations

from service.listening.concealing_decoder import ConcealingDecoder
from service.listening.opus import OpusDecoder
from tests.listening.packets import talk
from tests.listening.sound import likeness

SAMPLES = 320


def payloads() -> list[bytes]:
    return [packet.payload for packet in talk(0.0, until_s=2)][:40]


def test_a_packet_that_was_lost_comes_back_from_the_copy_in_the_next() -> None:
    decoder, whole = ConcealingDecoder(OpusDecoder()), ConcealingDecoder(OpusDecoder())
    sent = payloads()
    truth = [whole.decode(each, SAMPLES) for each in sent]
    for each in sent[:19]:
        decoder.decode(each, SAMPLES)
    guess, copy = decoder.conceal(sent[20], SAMPLES, SAMPLES, late=False)
    assert guess == b""
    after = decoder.decode(sent[20], SAMPLES)
    assert likeness(truth[19] * 4 + truth[20] * 4, copy * 4 + after * 4) > 0.5


def test_a_longer_loss_is_concealed_for_a_moment_unless_it_is_too_late() -> None:
    decoder, sent = ConcealingDecoder(OpusDecoder()), payloads()
    for each in sent[:15]:
        decoder.decode(each, SAMPLES)
    guess, copy = decoder.conceal(sent[20], SAMPLES, 20 * SAMPLES, late=False)
    assert (len(guess), len(copy)) == (2 * 1_280, 2 * SAMPLES)
    guess, copy = decoder.conceal(sent[20], SAMPLES, 20 * SAMPLES, late=True)
    assert (len(guess), len(copy)) == (0, 2 * SAMPLES)


def test_nothing_is_concealed_after_a_packet_that_was_skipped() -> None:
    decoder, sent = ConcealingDecoder(OpusDecoder()), payloads()
    for each in sent[:15]:
        decoder.decode(each, SAMPLES)
    decoder.skip_packet()
    assert decoder.conceal(sent[17], SAMPLES, SAMPLES, late=False) == (b"", b"")
    decoder.decode(sent[17], SAMPLES)
    assert decoder.conceal(sent[19], SAMPLES, SAMPLES, late=False)[1] != b""


def test_a_packet_that_is_not_opus_is_silence_of_its_length_and_is_counted() -> None:
    decoder = ConcealingDecoder(OpusDecoder())
    assert decoder.decode(b"\xff\xff", SAMPLES) == bytes(2 * SAMPLES)
    assert decoder.bad == 1
