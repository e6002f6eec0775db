/* Asks the running Linux. A sequencer and the processes under test, in one program:
 *
 *   agent ARENA PAGES SIZE SIZE...   sequencer: reads steps on stdin, has them carried out, answers on stdout;
 *                                    the arena's first byte and its pages, the files' sizes in pages
 *   agent ARENA PAGES N              a process under test after its execve (nobody else starts it so)
 *
 * Standard input, numbers in decimal:
 *
 *   PROCESS OPERATION ARGUMENT*6     a step; operations are listed in `enum operation`
 *   end                              the sequence is over: every process ends, the files are made anew
 *
 * Standard output, after each step:
 *
 *   step RESULT FAULTS SIGNAL CODE PAGE
 *   process N                        then for each process that lives:
 *   area START END RIGHTS OFFSET KIND
 *   present PAGE FRAME               FRAME is 0 where the system does not tell
 *   end
 *
 * RESULT is what the system call returned, or -errno. FAULTS is ru_minflt + ru_majflt of the process over exactly the
 * call or the touches. SIGNAL and CODE (si_code) tell how a touch ended, at the PAGE-th page touched.
 *
 * No library function runs between two readings of the fault counters, and everything that a process needs itself is
 * touched beforehand, so its own faults are none; `nothing` steps prove it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define PAGES_MAX 1024
#define PROCESSES_MAX 16
#define FILES_MAX 4
#define FD_FILE 100    /* file N of a sequence is descriptor FD_FILE + N */
#define FD_ANSWER 120  /* workers write, the sequencer reads */
#define FD_ANSWERS 121
#define FD_STEP 130    /* worker N reads FD_STEP + N ... */
#define FD_STEPS 150   /* ... and the sequencer writes FD_STEPS + N */
#define PATIENCE_SECONDS 30

#ifndef PR_SET_THP_DISABLE
#define PR_SET_THP_DISABLE 41
#endif
#define ADVICE_DONTNEED 4
#define ADVICE_DONTNEED_LOCKED 24

enum operation {
    OP_NOTHING, OP_READ, OP_WRITE, OP_FORK, OP_EXEC, OP_EXIT,
    OP_MMAP, OP_MUNMAP, OP_MPROTECT, OP_MADVISE, OP_MREMAP, OP_MLOCK, OP_MLOCK2, OP_MUNLOCK, OP_MLOCKALL,
    OP_MUNLOCKALL, OP_FTRUNCATE, OP_REMAP_FILE_PAGES
};

static const long calls[] = {
    [OP_MMAP] = SYS_mmap,         [OP_MUNMAP] = SYS_munmap,       [OP_MPROTECT] = SYS_mprotect,
    [OP_MADVISE] = SYS_madvise,   [OP_MREMAP] = SYS_mremap,       [OP_MLOCK] = SYS_mlock,
    [OP_MLOCK2] = SYS_mlock2,     [OP_MUNLOCK] = SYS_munlock,     [OP_MLOCKALL] = SYS_mlockall,
    [OP_MUNLOCKALL] = SYS_munlockall, [OP_FTRUNCATE] = SYS_ftruncate, [OP_REMAP_FILE_PAGES] = SYS_remap_file_pages,
};

struct step { long process, operation, argument[6]; };
struct answer { long result, faults, signal, code, page; };

static unsigned long arena_start, arena_pages;

static void fail(const char *what)
{
    fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
    _exit(3);
}

static void read_whole(int fd, void *to, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = read(fd, (char *)to + done, bytes - done);
        if (n == 0) _exit(0);
        if (n < 0 && errno != EINTR) fail("read");
        if (n > 0) done += n;
    }
}

static void write_whole(int fd, const void *from, size_t bytes)
{
    if (write(fd, from, bytes) != (ssize_t)bytes) fail("write");
}

/* ---- a process under test ---- */

static sigjmp_buf touch_failed;
static volatile int signal_number, signal_code;
static unsigned long pages[PAGES_MAX];
static char maps_text[1 << 16];

#define PRESENT(entry) ((entry) >> 63 & 1)
#define FRAME(entry) ((entry) & ((1ul << 55) - 1))

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    signal_number = number;
    signal_code = info->si_code;
    siglongjmp(touch_failed, 1);
}

static long fault_count(void)
{
    struct rusage usage;
    syscall(SYS_getrusage, RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

/* Touches all that this program itself uses: written where it may be, so that nothing is left to copy. */
static void touch_own_image(void)
{
    volatile char *stack = __builtin_frame_address(0);
    for (int i = 1; i < 16; i++) stack[-(long)(i * PAGE)] = 0;
    int fd = open("/proc/self/maps", O_RDONLY);
    size_t bytes = 0;
    for (ssize_t n; bytes < sizeof maps_text - 1; bytes += n) {
        n = read(fd, maps_text + bytes, sizeof maps_text - 1 - bytes);
        if (n <= 0) break;
    }
    close(fd);
    maps_text[bytes] = 0;
    for (char *line = maps_text; *line;) {
        char *next, *end = strchr(line, '\n');
        if (!end) break;
        *end = 0;
        unsigned long from = strtoul(line, &next, 16), to = strtoul(next + 1, &next, 16);
        int is_arena = from >= arena_start && from < arena_start + arena_pages * PAGE;
        int is_device = strstr(next, "[vvar") || strstr(next, "[vsyscall");
        int is_own = !is_arena && !is_device && next[1] == 'r' && next[4] == 'p';
        for (volatile char *p = (char *)from; is_own && p < (volatile char *)to; p += PAGE) {
            char byte = *p;
            if (next[2] == 'w') *p = byte;
        }
        line = end + 1;
    }
}

static void become_process(void)
{
    int pagemap = open("/proc/self/pagemap", O_RDONLY);
    if (pagemap < 0) fail("/proc/self/pagemap");
    close(pagemap);
    touch_own_image();
}

static void catch_signals(void)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER };
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

static void touch(const struct step *step, struct answer *answer)
{
    volatile long i = 0, pages = (step->argument[1] + PAGE - 1) / PAGE;
    int is_write = step->operation == OP_WRITE;
    for (; i < pages; i++) {
        volatile char *p = (volatile char *)step->argument[0] + i * PAGE;
        volatile int failed = 1;
        volatile long before = fault_count();
        if (!sigsetjmp(touch_failed, 0)) {
            if (is_write) *p = 1;
            else (void)*p;
            failed = 0;
        }
        long faults = fault_count() - before;
        answer->faults += faults;
        if (failed) {
            answer->signal = signal_number;
            answer->code = signal_code;
            answer->page = i;
            return;
        }
    }
    answer->page = pages;
}

static void call(const struct step *step, struct answer *answer)
{
    const long *a = step->argument;
    long before = fault_count();
    long result = syscall(calls[step->operation], a[0], a[1], a[2], a[3], a[4], a[5]);
    long error = errno;
    answer->faults = fault_count() - before;
    answer->result = result == -1 ? -error : result;
}

static void serve(int number);

static void begin_process(int number)
{
    struct answer ready = { 0 };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    become_process();
    write_whole(FD_ANSWER, &ready, sizeof ready);
    serve(number);
}

/* The sequencer is every process's parent, so that it can wait for any of them. */
static void fork_process(const struct step *step, struct answer *answer)
{
    long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) begin_process(step->argument[0]);
    answer->result = pid < 0 ? -errno : pid;
    touch_own_image();
}

static void serve(int number)
{
    char text[3][24];
    for (;;) {
        struct step step;
        read_whole(FD_STEP + number, &step, sizeof step);
        struct answer answer = { 0 };
        switch (step.operation) {
        case OP_NOTHING: {
            long before = fault_count();
            answer.faults = fault_count() - before;
            break;
        }
        case OP_READ:
        case OP_WRITE: touch(&step, &answer); break;
        case OP_FORK: fork_process(&step, &answer); break;
        case OP_EXEC:
            snprintf(text[0], sizeof text[0], "%d", number);
            snprintf(text[1], sizeof text[1], "%lu", arena_start);
            snprintf(text[2], sizeof text[2], "%lu", arena_pages);
            execl("/proc/self/exe", "agent", text[1], text[2], text[0], (char *)NULL);
            fail("execve");
            break;
        case OP_EXIT: _exit(0);
        default:
            if (step.operation < OP_MMAP || step.operation > OP_REMAP_FILE_PAGES) fail("unknown operation");
            call(&step, &answer);
        }
        write_whole(FD_ANSWER, &answer, sizeof answer);
    }
}

/* ---- the sequencer ---- */

static struct { pid_t pid; int maps, pagemap; } processes[PROCESSES_MAX];

static int open_of(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail(path);
    return fd;
}

static void forget_process(int number)
{
    close(processes[number].maps);
    close(processes[number].pagemap);
    processes[number].pid = 0;
}

static void watch_process(int number, pid_t pid)
{
    if (processes[number].pid) forget_process(number);
    processes[number].pid = pid;
    processes[number].maps = open_of(pid, "maps");
    processes[number].pagemap = open_of(pid, "pagemap");
}

static void print_areas(int fd)
{
    lseek(fd, 0, SEEK_SET);
    size_t bytes = 0;
    for (ssize_t n; bytes < sizeof maps_text - 1; bytes += n) {
        n = read(fd, maps_text + bytes, sizeof maps_text - 1 - bytes);
        if (n <= 0) break;
    }
    maps_text[bytes] = 0;
    for (char *line = maps_text, *end; (end = strchr(line, '\n')); line = end + 1) {
        unsigned long from, to, offset;
        char rights[8];
        *end = 0;
        if (sscanf(line, "%lx-%lx %7s %lx", &from, &to, rights, &offset) != 4) continue;
        if (to <= arena_start || from >= arena_start + arena_pages * PAGE) continue;
        const char *file = strstr(line, "memfd:file");
        if (file) printf("area %lu %lu %s %lu file%c\n", from, to, rights, offset, file[10]);
        else printf("area %lu %lu %s %lu %s\n", from, to, rights, offset, strchr(line, '/') ? "shared" : "anon");
    }
}

static void print_present(int fd)
{
    size_t bytes = arena_pages * sizeof *pages;
    if (pread(fd, pages, bytes, arena_start / PAGE * sizeof *pages) != (ssize_t)bytes) fail("pagemap");
    for (unsigned long i = 0; i < arena_pages; i++) {
        if (PRESENT(pages[i])) printf("present %lu %lu\n", i, FRAME(pages[i]));
    }
}

static void print_state(const struct answer *answer)
{
    printf("step %ld %ld %ld %ld %ld\n", answer->result, answer->faults, answer->signal, answer->code,
           answer->page);
    for (int i = 0; i < PROCESSES_MAX; i++) {
        if (!processes[i].pid) continue;
        printf("process %d\n", i);
        print_areas(processes[i].maps);
        print_present(processes[i].pagemap);
    }
    puts("end");
    fflush(stdout);
}

static void make_files(int count, const unsigned long *pages)
{
    for (int i = 0; i < count; i++)
        if (ftruncate(FD_FILE + i, 0) || ftruncate(FD_FILE + i, pages[i] * PAGE)) fail("ftruncate");
}

static void start_first(void)
{
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) begin_process(0);
    struct answer ready;
    read_whole(FD_ANSWERS, &ready, sizeof ready);
    watch_process(0, pid);
}

static void end_all(void)
{
    for (int i = 0; i < PROCESSES_MAX; i++) {
        if (!processes[i].pid) continue;
        kill(processes[i].pid, SIGKILL);
        while (waitpid(processes[i].pid, NULL, 0) < 0 && errno == EINTR) {}
        forget_process(i);
    }
}

static void sequence_step(const struct step *step)
{
    struct answer answer = { 0 }, ready;
    int child = step->argument[0];
    pid_t pid = processes[step->process].pid;
    if (!pid) errno = ESRCH, fail("step of a process that does not live");
    if (step->operation == OP_FORK && (child < 0 || child >= PROCESSES_MAX || processes[child].pid))
        errno = EEXIST, fail("fork");
    write_whole(FD_STEPS + step->process, step, sizeof *step);
    if (step->operation == OP_EXIT) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
        forget_process(step->process);
    } else {
        read_whole(FD_ANSWERS, &answer, sizeof answer);
    }
    if (step->operation == OP_FORK && answer.result >= 0) {
        /* Two answer, in either order: the parent with the child's identifier, the child that it is ready. */
        read_whole(FD_ANSWERS, &ready, sizeof ready);
        if (ready.result > 0) answer = ready;
        watch_process(child, answer.result);
        answer.result = 0;
    }
    if (step->operation == OP_EXEC) watch_process(step->process, pid);
    print_state(&answer);
}

static void make_channels(void)
{
    int ends[2];
    if (pipe(ends) || dup2(ends[1], FD_ANSWER) < 0 || dup2(ends[0], FD_ANSWERS) < 0) fail("pipe");
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < PROCESSES_MAX; i++) {
        if (pipe(ends) || dup2(ends[0], FD_STEP + i) < 0 || dup2(ends[1], FD_STEPS + i) < 0) fail("pipe");
        close(ends[0]);
        close(ends[1]);
    }
}

/* One processor, so that pages do not wait in another's lists; no huge pages; as much locked memory as is allowed. */
static void settle(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)) fail("PR_SET_THP_DISABLE");
    struct rlimit locked;
    if (!getrlimit(RLIMIT_MEMLOCK, &locked)) {
        locked.rlim_cur = locked.rlim_max;
        setrlimit(RLIMIT_MEMLOCK, &locked);
    }
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 4) return 2;
    arena_start = strtoul(arguments[1], NULL, 10);
    arena_pages = strtoul(arguments[2], NULL, 10);
    if (arena_pages > PAGES_MAX) return 2;
    catch_signals();
    if (argument_count == 4) begin_process(atoi(arguments[3]));
    int files = argument_count - 3;
    unsigned long file_pages[FILES_MAX];
    if (files > FILES_MAX) return 2;
    settle();
    become_process(); /* Whether it can look at its pages at all is known before anyone asks. */
    make_channels();
    for (int i = 0; i < files; i++) {
        char name[] = { 'f', 'i', 'l', 'e', '0' + i, 0 };
        int fd = memfd_create(name, 0);
        if (fd < 0 || dup2(fd, FD_FILE + i) < 0) fail("memfd_create");
        close(fd);
        file_pages[i] = strtoul(arguments[3 + i], NULL, 10);
    }
    struct utsname host;
    uname(&host);
    printf("linux %s\n", host.release);
    fflush(stdout);
    static char line[512];
    int is_running = 0;
    while (fgets(line, sizeof line, stdin)) {
        struct step step = { 0 };
        long *a = step.argument;
        alarm(PATIENCE_SECONDS);
        if (!strncmp(line, "end", 3)) {
            end_all();
            is_running = 0;
            alarm(0);
            continue;
        }
        if (!is_running) {
            make_files(files, file_pages);
            start_first();
            is_running = 1;
        }
        int n = sscanf(line, "%ld %ld %ld %ld %ld %ld %ld %ld", &step.process, &step.operation, a, a + 1, a + 2,
                       a + 3, a + 4, a + 5);
        if (n != 8 || step.process < 0 || step.process >= PROCESSES_MAX) errno = EINVAL, fail(line);
        sequence_step(&step);
        alarm(0);
    }
    end_all();
    return 0;
}
