"""PostgreSQL and MariaDB: servers, tools, and Python's C drivers for them in threads.

vervet-needs: postgresql python3-psycopg2 mariadb-server mariadb-client python3-mysqldb
"""

import os
import re
import signal
import threading
import time

from real import (PYTHON, Server, as_user, case, directory_of, free_port, library_for_all, needs, needs_module, one_of, run,
                  wait_for)

SLEEPERS = """
import sys, threading, time
def connect():
    if sys.argv[1] == "postgres":
        import psycopg2
        return psycopg2.connect(host="127.0.0.1", port=int(sys.argv[2]), user="postgres")
    import MySQLdb
    return MySQLdb.connect(host="127.0.0.1", port=int(sys.argv[2]), user="root")
def ask(number):
    cursor = connections[number].cursor()
    cursor.execute("select %s(0.5), %%s" % sys.argv[3], (number,))
    answers[number] = int(cursor.fetchone()[1])
    connections[number].close()
connections, answers = [connect() for _ in range(20)], {}
start = time.monotonic()
threads = [threading.Thread(target=ask, args=(i,)) for i in range(20)]
for t in threads: t.start()
for t in threads: t.join()
assert answers == {i: i for i in range(20)}, answers
print("%.3f" % (time.monotonic() - start))
"""


def twenty_sleepers(kind, port, sleep):
    """20 threads that each ask for half a second's sleep: one after the other they would take 10 s."""
    took = {}
    for patched in (False, True):
        status, out, err = run([PYTHON, "-c", SLEEPERS, kind, str(port), sleep], patched=patched)
        assert status == 0 and not err, (patched, status, err)
        took[patched] = float(out)
    assert 0.5 <= took[True] < max(2, 1.5 * took[False]), took


class Postgres:
    def __init__(self, patched):
        self.patched = patched
        self.bin = os.path.dirname(one_of("/usr/lib/postgresql/*/bin/pgbench"))
        self.user = as_user("postgres")
        self.data = directory_of("postgres", f"data-{patched}")
        self.sockets = directory_of("postgres", f"run-{patched}")
        self.port = free_port()
        status, out, err = run([f"{self.bin}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E",
                                "UTF8", "--locale=C.UTF-8"], patched=patched, timeout=60, cwd=self.data, **self.user)
        assert status == 0 and b"Success" in out and not re.search(b"(?i)error|fatal", err), (patched, out, err)

    def server(self):
        argv = [f"{self.bin}/postgres", "-D", self.data, "-p", str(self.port), "-k", self.sockets, "-c",
                "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_parallel_workers_per_gather=2"]
        return Server(argv, self.port, self.patched, cwd=self.data, **self.user)

    def tool(self, name, *args):
        return run([f"{self.bin}/{name}", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", *args, "postgres"],
                   patched=self.patched, timeout=60)

    def sql(self, text):
        status, out, err = self.tool("psql", "-XAtc", text)
        return status, out.decode(), err.decode()

    def sql_when_up(self):
        wait_for(lambda: self.sql("select 1")[:2] == (0, "1\n"), "postgres answers")


def questions(server):
    """Answers, errors and statuses that must be the same."""
    parallel = "set parallel_setup_cost=0; set parallel_tuple_cost=0; set min_parallel_table_scan_size=0; "
    return [server.sql(text) for text in (
        "select sum(i) from generate_series(1, 100000) i",
        "select sum(abalance) = (select sum(delta) from pgbench_history), count(*) from pgbench_accounts",
        "select count(*) from pgbench_history",
        parallel + "select count(*), max(aid) from pgbench_accounts",
        "set statement_timeout = 100; select pg_sleep(20)",
        "select 1/0", "no such command")]


def shut_down(s, how):
    """The server's status; it must say that it ended in good order."""
    status = s.stop(how, timeout=20)
    log = s.output()
    assert "database system is shut down" in log and "abnormal" not in log, log
    return status


@case
def postgres_and_its_tools():
    library_for_all()
    answers = []
    for patched in (False, True):
        data = Postgres(patched)
        with data.server() as s:
            data.sql_when_up()
            status, _, err = data.tool("pgbench", "-i", "-q")
            assert status == 0, err
            status, out, err = data.tool("pgbench", "-c", "20", "-j", "4", "-t", "30")
            assert status == 0 and b"actually processed: 600/600" in out, (out, err)
            answers.append(questions(data))
            assert answers[-1][1][1] == "t|100000\n" and answers[-1][2][1] == "600\n", answers[-1]
            s.process.send_signal(signal.SIGHUP)
            answers.append(shut_down(s, signal.SIGINT))  # fast
    assert answers[:2] == answers[2:], answers


@case(alone=True)
def psycopg2_in_twenty_threads():
    needs_module("psycopg2")
    library_for_all()
    for patched in (False, True):
        data = Postgres(patched)
        with data.server() as s:
            data.sql_when_up()
            twenty_sleepers("postgres", data.port, "pg_sleep")
            smart_shutdown_waits(data, s)


def smart_shutdown_waits(data, s):
    """A smart shutdown waits for the client that is there, and then ends well."""
    got = []
    asking = threading.Thread(target=lambda: got.append(data.sql("select pg_sleep(1), 7")))
    asking.start()
    wait_for(lambda: data.sql("select count(*) from pg_stat_activity where query = 'select pg_sleep(1), 7'")[1] == "1\n",
             "the client is at work")
    start = time.monotonic()
    status = shut_down(s, signal.SIGTERM)
    asking.join()
    assert status == 0 and got == [(0, "|7\n", "")], (status, got)
    assert time.monotonic() - start > 0.2


class MariaDB:
    def __init__(self, patched):
        needs("mariadbd", "mariadb-install-db", "mariadb")
        self.patched = patched
        self.user = as_user("mysql")
        self.data = directory_of("mysql", f"data-{patched}")
        self.port = free_port()
        status, out, err = run(["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
                                f"--datadir={self.data}", "--skip-test-db"], patched=patched, timeout=60, cwd=self.data,
                               **self.user)
        assert status == 0 and b"ERROR" not in out + err, (patched, out, err)

    def server(self):
        argv = ["mariadbd", "--no-defaults", f"--datadir={self.data}", f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--socket={self.data}/socket", f"--pid-file={self.data}/pid", "--innodb-flush-log-at-trx-commit=2",
                "--max-connections=200"]
        return Server(argv, self.port, self.patched, cwd=self.data, **self.user)

    def sql(self, text):
        return run(["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{self.port}", "-uroot", "-BN", "-e", text],
                   patched=self.patched)


@case(alone=True)
def mariadb_and_its_driver_in_twenty_threads():
    needs_module("MySQLdb")
    library_for_all()
    answers = []
    for patched in (False, True):
        data = MariaDB(patched)
        with data.server() as s:
            wait_for(lambda: data.sql("select 1")[0] == 0, "mariadb answers")
            twenty_sleepers("mariadb", data.port, "sleep")
            answers.append([data.sql(text) for text in (
                "create database d; create table d.t (a int primary key, b text) engine=innodb",
                "insert into d.t select seq, repeat('x', seq % 50) from seq_1_to_5000",
                "select count(*), sum(length(b)), md5(group_concat(b order by a)) from d.t where a % 7 = 0",
                "select sum(seq) from seq_1_to_100000", "set statement max_statement_time=0.2 for select sleep(20)",
                "insert into d.t values (1, 'twice')", "no such command")])
            answers.append(s.stop(signal.SIGTERM, timeout=30))
            assert "Shutdown complete" in s.output(), s.output()
    assert answers[:2] == answers[2:], answers
