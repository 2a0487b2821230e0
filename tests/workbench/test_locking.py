import threading
from concurrent.futures import ThreadPoolExecutor

from workbench.locking import locked


def test_one_holder_at_a_time(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")

    def add(_):
        with locked(counter):
            counter.write_text(str(int(counter.read_text()) + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(100)))
    assert counter.read_text() == "100"


def test_an_error_lets_go(tmp_path):
    path = tmp_path / "file"
    try:
        with locked(path):
            raise ValueError
    except ValueError:
        pass
    done = threading.Event()

    def take():
        with locked(path):
            done.set()

    threading.Thread(target=take, daemon=True).start()
    assert done.wait(5)
