import time

from amqtt import clock


def test_it_is_the_time_of_day_and_never_runs_backwards() -> None:
    moments = [clock.now() for _ in range(1000)]
    assert moments == sorted(moments)
    assert abs(clock.now() - time.time()) < 3600
