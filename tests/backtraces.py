"""For gdb, attached to a hanging program: the backtrace of every parked greenlet (gdb -p PID -x tests/backtraces.py).

A parked greenlet's registers lie on its stack in the order that core/context_x86_64.S pictures. They are put into the
stopped thread's registers one greenlet after the other: the program is of no use afterwards, and is killed.
"""

import gdb

SAVED = ("r15", "r14", "r13", "r12", "rbx", "rbp", "rip")
RUNNABLE, PARKED = 1, 3


def waits_for(g):
    wait = g["wait"]
    what = wait["what"].string() if int(wait) and int(wait["what"]) else "?"
    return f"parked: {what}" if int(g["state"]) == PARKED else "runnable"


def show(g):
    sp = int(g["ctx"]["sp"])
    for i, register in enumerate(SAVED):
        value = int(gdb.parse_and_eval(f"*(unsigned long *){sp + 8 + 8 * i}"))
        gdb.execute(f"set ${register} = {value}")
    gdb.execute(f"set $rsp = {sp + 64}")
    print(f"greenlet {int(g['id'])} ({g['name'].string()}), {waits_for(g)}")
    gdb.execute("bt 16")


def main():
    try:
        g = gdb.parse_and_eval("'greenlet.c'::all.head")
    except gdb.error:
        return  # not patched
    while int(g):
        if int(g["state"]) in (RUNNABLE, PARKED):
            try:
                show(g)
            except gdb.error as e:
                print(f"greenlet {int(g['id'])}: {e}")
        g = g["all_next"]
    gdb.execute("kill")


main()
