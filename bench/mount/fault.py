"""Times page faults: maps a file, reads one byte of each page named in a file, and prints microseconds.

Usage: fault.py FILE PAGES. PAGES has one page number a line. The kernel reads nothing around a fault.
"""
import mmap
import sys
import time

with open(sys.argv[1], "rb") as file:
    memory = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
memory.madvise(mmap.MADV_RANDOM)
with open(sys.argv[2]) as file:
    pages = [int(line) for line in file]
clock = time.perf_counter_ns
for page in pages:
    start = clock()
    memory[page * 4096]
    print((clock() - start) / 1000)
