/* Threads that come and go, and one of them executes a program while others wait: the program takes the whole process. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *works(void *argument)
{
    char *memory = malloc(200000);
    memset(memory, (int)(long)argument, 200000);
    free(memory);
    return 0;
}
static void *waits(void *argument)
{
    (void)argument;
    for (;;)
        pause();
}
static void *executes(void *argument)
{
    execl("/bin/echo", "echo", "from a thread", (char *)0);
    return argument;
}

int main(void)
{
    pthread_t threads[3], waiting, executing;
    /* A child that leaves with threads still waiting. */
    if (fork() == 0) {
        for (int i = 0; i < 2; i++)
            pthread_create(&waiting, 0, waits, 0);
        _exit(7);
    }
    wait(0);
    for (long i = 0; i < 3; i++)
        pthread_create(&threads[i], 0, works, (void *)i);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&waiting, 0, waits, 0);
    pthread_create(&executing, 0, executes, 0);
    pthread_join(executing, 0);
    return 1;
}
