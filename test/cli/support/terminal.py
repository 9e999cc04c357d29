# Runs a program on a terminal of its own: terminal.py COLUMNS ROWS PROGRAM ARGS...
# What the program shows goes to standard output, what comes on standard input is typed, a line
# of it 0.3 s after the other. Ends as the program does, by exit code.
import fcntl, os, pty, select, struct, sys, termios, time

columns, rows = int(sys.argv[1]), int(sys.argv[2])
prompt, command = sys.argv[3].encode(), sys.argv[4:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(command[0], command)
keys = sys.stdin.read().splitlines()
shown, due = b"", None
while True:
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            text = os.read(terminal, 65536)
        except OSError:
            break
        if not text:
            break
        os.write(1, text)
        shown += text
    if due is None and prompt in shown:
        due = time.monotonic()
    if keys and due is not None and time.monotonic() >= due:
        os.write(terminal, keys.pop(0).encode())
        due = time.monotonic() + 0.3
status = os.waitpid(pid, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) % 256)
