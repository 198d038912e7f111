/*
 * The first program of a guest that checkpoints a process with CRIU, or restores one. Settings from the
 * kernel's command line:
 *
 *     criu_mode=dump       start a worker, pre-dump it, let it work, dump it, and write the image directories
 *                          1 and 2 to the port of QEMU's isa-debugcon
 *     criu_mode=restore    restore the worker from the image directories in /images
 *
 * Output on the debug port: { name length u32 | name | content length u32 | content }; a name that ends in
 * ">" is a link, whose content is its target. The worker fills pages, rewrites some of them and checks all;
 * it ends with status 42 when it gets SIGUSR1, or 3 after it found a wrong page. Result on the console: a
 * line "criu: dumped", "criu: restored STATUS" or "criu: failed WHAT".
 */
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8, PAGES = 256, DEBUG_PORT = 0xe9, FOUND = 42, WRONG = 3 };

static volatile sig_atomic_t asked;

static void on_signal(int number) {
    (void)number;
    asked = 1;
}

static void fill(uint64_t *page, uint64_t number, uint64_t version) {
    for (unsigned i = 0; i < WORDS; i++)
        page[i] = number % 4 == 0 ? 0 : (number * 0x9e3779b97f4a7c15u + version) * (i % (8 << number % 4) + 1);
}

/* The process that is checkpointed: no terminal, no open files. */
static void work(void) {
    static uint64_t versions[PAGES];
    static uint64_t expected[WORDS];
    setsid();
    for (int file = 0; file < 3; file++) {
        close(file);
        open("/dev/null", O_RDWR);
    }
    signal(SIGUSR1, on_signal);
    uint64_t *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(1);
    for (uint64_t i = 0; i < PAGES; i++) fill(memory + i * WORDS, i, 0);
    for (uint64_t round = 0;; round++) {
        uint64_t changed = round * 7 % 64;
        fill(memory + changed * WORDS, changed, ++versions[changed]);
        for (uint64_t i = 0; i < PAGES; i++) {
            fill(expected, i, versions[i]);
            if (memcmp(memory + i * WORDS, expected, PAGE) != 0) _exit(WRONG);
        }
        if (asked) _exit(FOUND);
        usleep(1000);
    }
}

static void end(const char *result) {
    printf("criu: %s\n", result);
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
}

static void fail(const char *what) {
    char text[700];
    snprintf(text, sizeof text, "failed %s", what);
    end(text);
}

static void put(const void *bytes, size_t count) {
    __asm__ volatile("" ::: "memory"); /* outsb does not tell the compiler that it reads memory */
    outsb(DEBUG_PORT, bytes, count);
}

static void put_counted(const void *bytes, uint32_t count) {
    put(&count, sizeof count);
    put(bytes, count);
}

static void put_file(const char *path, const char *name) {
    struct stat stat;
    char label[700];
    if (lstat(path, &stat) != 0) fail(path);
    int is_link = S_ISLNK(stat.st_mode);
    snprintf(label, sizeof label, "%s%s", name, is_link ? ">" : "");
    put_counted(label, strlen(label));
    size_t size = is_link ? 4096 : stat.st_size;
    char *content = malloc(size + 1);
    ssize_t count = is_link ? readlink(path, content, size) : 0;
    if (!is_link) {
        int file = open(path, O_RDONLY);
        for (ssize_t more; count < (ssize_t)size && (more = read(file, content + count, size - count)) > 0;) count += more;
        close(file);
    }
    put_counted(content, count);
    free(content);
}

static void put_directory(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL) fail(path);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char file[600];
        if (entry->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        put_file(file, file + strlen("/images/"));
    }
    closedir(directory);
}

/* Run criu to its end; its log goes to the console if it fails. */
static int criu(char *const arguments[], const char *log) {
    pid_t child = fork();
    if (child == 0) {
        execv("/usr/sbin/criu", arguments);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    if (status == 0) return 0;
    char line[1000];
    FILE *file = fopen(log, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strstr(line, "Error") != NULL || strstr(line, "Warn") != NULL) printf("%s", line);
    return status;
}

/* The process gets its number again when it is restored: one that nothing has after another boot. */
static void set_last_pid(const char *number) {
    int file = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
    if (write(file, number, strlen(number)) < 0) fail("ns_last_pid");
    close(file);
}

static void dump(void) {
    set_last_pid("9999");
    pid_t worker = fork();
    if (worker == 0) work();
    char pid[20];
    snprintf(pid, sizeof pid, "%d", worker);
    mkdir("/images/1", 0700);
    mkdir("/images/2", 0700);
    usleep(500000);
    char *first[] = {"criu", "pre-dump", "-t", pid, "-D", "/images/1", "--track-mem", "-v4", "-o", "dump.log", NULL};
    if (criu(first, "/images/1/dump.log") != 0) fail("pre-dump");
    usleep(200000);
    char *second[] = {"criu", "dump", "-t", pid, "-D", "/images/2", "--prev-images-dir", "../1",
                      "--track-mem", "-v4", "-o", "dump.log", NULL};
    if (criu(second, "/images/2/dump.log") != 0) fail("dump");
    if (ioperm(DEBUG_PORT, 1, 1) != 0) fail("ioperm");
    put_directory("/images/1");
    put_directory("/images/2");
    end("dumped");
}

static void restore(void) {
    char *arguments[] = {"criu", "restore", "-d", "-D", "/images/2", "-v4", "-o", "restore.log",
                         "--pidfile", "/images/pid", NULL};
    if (criu(arguments, "/images/2/restore.log") != 0) fail("restore");
    int pid = 0;
    FILE *file = fopen("/images/pid", "r");
    if (file == NULL || fscanf(file, "%d", &pid) != 1) fail("pidfile");
    usleep(300000);
    kill(pid, SIGUSR1);
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) fail("wait");
    char text[60];
    snprintf(text, sizeof text, "restored %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    end(text);
}

/* CRIU connects a socket to find out what the kernel can do. */
static void start_loopback(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int file = socket(AF_INET, SOCK_DGRAM, 0);
    ioctl(file, SIOCSIFFLAGS, &request);
    close(file);
}

int main(void) {
    const char *mode = getenv("criu_mode");
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/run", 0755);
    mkdir("/tmp", 0755);
    mkdir("/images", 0700);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("run", "/run", "tmpfs", 0, NULL);
    start_loopback();
    if (mode != NULL && strcmp(mode, "restore") == 0) restore();
    dump();
    return 0;
}
