// A link between two processes: `throttle BITS_PER_SECOND [BUFFER_BYTES [REPORT_FD]]` copies standard input
// to standard output at a limited rate. The input pipe is the buffer; a faster writer blocks, as at a socket.
// A token bucket, stored as the time at which everything so far is sent: idle time is lost, except for a
// millisecond that compensates for late wake-ups. Uses splice, without copies, so that it takes little CPU
// from the processes that it connects. At the end it writes to the descriptor REPORT_FD how many bytes it
// took, and when it had taken the last one, in ms of the monotonic clock.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const double BURST_SECONDS = 0.001;
/** Time per piece; the bounds below limit its size. */
static const double PIECE_SECONDS = 0.0002;
enum { MIN_BYTES = 4096, MAX_BYTES = 65536 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sleep_until(double at) {
  struct timespec t = {(time_t)at, (long)((at - (double)(time_t)at) * 1e9)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
  }
}

int main(int argc, char **argv) {
  double bytes_per_second = argc > 1 ? atof(argv[1]) / 8 : 0;
  int buffer_bytes = argc > 2 ? atoi(argv[2]) : 262144;
  if (bytes_per_second <= 0 || buffer_bytes < MAX_BYTES) {
    fprintf(stderr, "throttle BITS_PER_SECOND [BUFFER_BYTES [REPORT_FD]]\n");
    return 2;
  }
  if (fcntl(0, F_SETPIPE_SZ, buffer_bytes) < 0) {
    perror("throttle: cannot set the size of the input pipe");
    return 1;
  }
  double piece = bytes_per_second * PIECE_SECONDS;
  size_t piece_bytes = piece < MIN_BYTES ? MIN_BYTES : piece > MAX_BYTES ? MAX_BYTES : (size_t)piece;
  int report_fd = argc > 3 ? atoi(argv[3]) : -1;
  double free_at = 0, last_at = now();
  unsigned long long total = 0;
  for (;;) {
    ssize_t moved = splice(0, NULL, 1, NULL, piece_bytes, SPLICE_F_MOVE);
    if (moved == 0) {
      if (report_fd >= 0) dprintf(report_fd, "%llu %.3f\n", total, last_at * 1e3);
      return 0;
    }
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) {
      perror("throttle");
      return 1;
    }
    double t = now();
    if (free_at < t - BURST_SECONDS) free_at = t - BURST_SECONDS;
    free_at += (double)moved / bytes_per_second;
    if (free_at > t) sleep_until(free_at);
    total += (unsigned long long)moved;
    last_at = free_at > t ? free_at : t;
  }
}
