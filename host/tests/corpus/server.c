/* A server on the loopback with forked workers that share memory with it, its client, and its end by SIGTERM. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, REQUESTS = 6 };

static void work(int listening, volatile int *served)
{
    for (;;) {
        char text[64];
        int connection = accept(listening, 0, 0);
        if (connection < 0)
            _exit(2);
        ssize_t length = read(connection, text, sizeof text);
        for (ssize_t i = 0; i < length; i++)
            text[i] ^= 32;
        if (length > 0 && write(connection, text, (size_t)length) != length)
            _exit(3);
        __sync_fetch_and_add(served, 1);
        close(connection);
    }
}

int main(void)
{
    volatile int *served = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 8))
        return 4;
    getsockname(listening, (struct sockaddr *)&address, &size);
    pid_t workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] == 0)
            work(listening, served);
    }
    int good = 0;
    for (int i = 0; i < REQUESTS; i++) {
        char text[8] = "";
        int connection = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(connection, (struct sockaddr *)&address, sizeof address))
            return 5;
        if (write(connection, "HELLO", 5) == 5 && read(connection, text, 5) == 5)
            good += strcmp(text, "hello") == 0;
        close(connection);
    }
    for (int i = 0; i < WORKERS; i++)
        kill(workers[i], SIGTERM);
    for (int i = 0; i < WORKERS; i++)
        waitpid(workers[i], 0, 0);
    return good == REQUESTS && *served <= REQUESTS ? 0 : 6;
}
