# SPDX-License-Identifier: Apache-2.0
# A small shop that logs as real programs do: threads, a rotated log file, an fsynced audit trail,
# syslog datagrams and a few warnings on standard error.  About a second.
import logging
import logging.handlers
import os
import random
import shutil
import socket
import tempfile
import threading
import time

ITEMS = ("tea", "bread", "cheese 🧀", "apples", "soap")
ORDERS_PER_TILL = 1200


class AuditHandler(logging.FileHandler):
    """An audit line is on the disk before the next order is taken."""

    def emit(self, record):
        super().emit(record)
        os.fsync(self.stream.fileno())


def rotate_by_copy(source, target):
    shutil.copyfile(source, target)
    os.unlink(source)


def start_syslog(folder):
    """A syslog daemon in one thread: it only listens."""
    path = os.path.join(folder, "log")
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind(path)

    def listen():
        while daemon.recv(8192) != b"stop":
            pass
        daemon.close()

    thread = threading.Thread(target=listen, name="syslogd", daemon=True)
    thread.start()
    return path, thread


def set_up(folder, syslog_path):
    shop = logging.getLogger("shop")
    shop.setLevel(logging.DEBUG)
    line = logging.Formatter("%(asctime)s %(levelname)-7s %(threadName)s %(message)s")

    everything = logging.handlers.RotatingFileHandler(
        os.path.join(folder, "shop.log"), maxBytes=96 * 1024, backupCount=2
    )
    everything.rotator = rotate_by_copy
    console = logging.StreamHandler()
    console.addFilter(lambda record: record.levelno == logging.WARNING)
    daemon = logging.handlers.SysLogHandler(address=syslog_path)
    daemon.setLevel(logging.ERROR)
    for handler in (everything, console, daemon):
        handler.setFormatter(line)
        shop.addHandler(handler)

    audit = logging.getLogger("audit")
    audit.setLevel(logging.INFO)
    audit.addHandler(AuditHandler(os.path.join(folder, "audit.log")))
    return shop, audit


def till(number, shop, audit):
    chance = random.Random(number)
    for order in range(1, ORDERS_PER_TILL + 1):
        item, price = chance.choice(ITEMS), chance.randint(90, 2500)
        shop.debug("order %d: looking for %s", order, item)
        shop.info("order %d: %s sold for %d cents", order, item, price)
        if order % 40 == 0:
            shop.error("order %d: the card reader did not answer, asked again", order)
            audit.info("till %d balance checked at order %d", number, order)
        if order % 400 == 0:
            shop.warning("order %d: %s is running low", order, item)
            time.sleep(0.02)


def main():
    logging.raiseExceptions = False
    with tempfile.TemporaryDirectory(prefix="pfprof-demo-") as folder:
        syslog_path, syslogd = start_syslog(folder)
        shop, audit = set_up(folder, syslog_path)
        tills = [
            threading.Thread(target=till, args=(n, shop, audit), name=f"till-{n}")
            for n in (1, 2, 3)
        ]
        for thread in tills:
            thread.start()
        for thread in tills:
            thread.join()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"stop", syslog_path)
        syslogd.join()
        logging.shutdown()


if __name__ == "__main__":
    main()
