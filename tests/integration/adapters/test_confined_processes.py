"""The processes that are not trusted: how they are started, whatever thread asks for one."""

import os
import threading

from pergamon.adapters.child_process import end, start


def test_a_process_lets_others_go_first_as_the_thread_does_that_asks_for_it() -> None:
    found: list[int] = []

    def ask() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 7)
        child = start(["/bin/sleep", "60"])
        found.append(os.getpriority(os.PRIO_PROCESS, child.pid))
        end(child)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    child = start(["/bin/sleep", "60"])
    found.append(os.getpriority(os.PRIO_PROCESS, child.pid))
    end(child)
    assert found == [7, os.getpriority(os.PRIO_PROCESS, 0)]
