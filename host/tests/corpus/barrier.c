/* A collector's write barrier and a probe: SIGSEGV is an everyday matter for this program. A child dies of one. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 8, PAGE = 4096 };
static char *heap;
static volatile int dirty;
static sigjmp_buf probe;
static volatile int probing;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    char *at = info->si_addr;
    if (probing)
        siglongjmp(probe, 1);
    if (at < heap || at >= heap + PAGES * PAGE)
        _exit(9);
    dirty++;
    mprotect((char *)((unsigned long)at & -PAGE), PAGE, PROT_READ | PROT_WRITE);
}

int main(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, 0);
    heap = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 2; round++) {
        mprotect(heap, PAGES * PAGE, PROT_READ);
        for (int i = 0; i < PAGES; i++)
            heap[i * PAGE] = (char)round;
    }
    char *guard = mmap(0, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile int caught = 0;
    probing = 1;
    if (sigsetjmp(probe, 1))
        caught = 1;
    else
        caught = guard[0];
    probing = 0;
    if (fork() == 0) {
        signal(SIGSEGV, SIG_DFL);
        guard[0] = 1;
    }
    int status;
    wait(&status);
    return dirty == 2 * PAGES && caught == 1 && WIFSIGNALED(status) ? 0 : 1;
}
