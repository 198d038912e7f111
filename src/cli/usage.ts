/** Wrong usage: the message says what to write instead; the program ends with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE = `pageferry: move memory pages in fewer bytes and less time

  pageferry pack IMAGE... -o FILE|-      pack memory images into one stream
      --strategy NAME   adaptive (default), smallest, characteristic, mecom, fixed:CODEC, fixed:zstd:LEVEL
      --link RATE       the link it is for: 100Mbit, 1Gbit (default), 10Gbit, ...; auto: measured on the way (default of -o -)
      --base IMAGE      an image that the other side holds too; may be repeated
      --threads N       threads that pack (default: the machine's, at most 8)
      --page-bytes N    4096 (default), 16384 or 65536
      --delta-budget N  memory for last versions of what cannot be read again: 256M (default), 1G, ...
      --json            one JSON object on standard output
  pageferry unpack FILE|- -o PATH        one image: PATH is a file; several: a directory of 000.raw, 001.raw, ...
                                         (a directory that exists takes 000.raw too; - is standard output)
      --image N         only this one, numbered from 0
      --pages A-B       only these pages of it, numbered from 0
      --base IMAGE      what the stream was packed against
      --json
  pageferry verify FILE|-                prove that a stream decodes to what was packed (unpacks into TMPDIR, and removes it)
      --base IMAGE, --json
  pageferry analyze IMAGE...             page classes, codecs, duplicates, changes; a recommendation
      --link RATE, --page-bytes N, --json
  pageferry capture --pid PID -o FILE|-  a running process's memory as an ELF core file
      --stop            stop the process while it is read
      --json
  pageferry tradeoff [IMAGE|DIR]...      what packing costs and saves: which strategy pays at which link; a DIR's files are images
                                         of one guest over time; without any: this process's own memory (Linux)
      --link RATE       may be repeated; 100Mbit, 1Gbit, 10Gbit and 40Gbit unless given
      --threads N       threads that pack (default: the machine's, at most 8)
      --html FILE       the same as one page with charts, which needs no network
      --json            an array of rows on standard output
  pageferry simulate                     migrate a live guest in virtual time, by every technique: time, downtime, data and CPU
      --guest SPEC      idle, write-heavy (default), cache-heavy, diverging, bursty, return-visit; settings may follow, as in
                        idle,size=1T,writes=100 (docs/simulate.md has them all); wasm: a WebAssembly program, live
      --trace DIR       a guest's snapshots, 1.5 s apart; --comes-back: to a host that kept the first of them
      --technique NAME  one of them, or all (default); may be repeated
      --strategy NAME   how pages are coded, in place of the technique's own way
      --link RATE       may be repeated; 1Gbit unless given
      --rtt MS          there and back: 0.2 (default), 20, ...; --cut MS[+MS]: the link is lost then, for good or for so long
      --downtime-limit MS   300 (default)
      --auto-converge   slow the guest down where it writes faster than it is sent
      --threads N       at each host: 2 (default), ...; --storage RATE: bytes a second of shared storage, 200M (default)
      --costs FILE      what work takes, as JSON as a row of --json has it; measured: found out here and now
      --seed N          1 (default); the same arguments, the same report
      --html FILE, --json   as above
  pageferry agent source                 stands beside a QEMU whose guests leave (migrate unix:PATH); docs/agent.md
      --listen ADDRESS  where QEMU connects: unix:PATH or tcp:HOST:PORT
      --peer HOST:PORT  the other agent; --server-name NAME: whom its certificate names, if not HOST
      --strategy NAME, --threads N   as above, at most 4 threads unless said
      --stats FILE|-    a line of JSON for every pass over the guest's memory
  pageferry agent destination            stands beside a QEMU that guests come to (-incoming unix:PATH)
      --listen HOST:PORT    where other agents connect
      --connect ADDRESS     where QEMU waits: unix:PATH or tcp:HOST:PORT
      --allow-initiator NAME    whose migrations are taken, by certificate; may be repeated
    both
      --tls-cert FILE, --tls-key FILE, --tls-ca FILE   PEM; or --insecure: plain TCP, with a warning
      --base FILE       an image of memory that both hosts hold
      --memory-limit N  for pages as they were sent: 512M (default); the smaller one of both sides counts
      --metrics HOST:PORT   for Prometheus; --stall SECONDS: a peer is given up after so long in silence, 30 (default)
      --once            end after one migration, with its result; --json: the log as JSON lines
  pageferry --help | --version

An IMAGE is raw RAM, an ELF core (QEMU's dump-guest-memory, gcore), a migration that QEMU saved (migrate exec:cat > FILE), or
- for raw RAM from standard input.
A report goes to standard error where standard output holds the data (-o -).
Exit status: 0 done, 1 failed, 2 wrong usage.
`;
