/* The first process of a Linux that `boot.sh` boots: runs the differential agent on the first serial line.
 *
 *   init ARENA PAGES SIZE...   the arguments of the agent, which the kernel hands over from its command line after --
 *
 * The kernel's console, which complaints go to, is the second serial line. When the agent ends, the machine does.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define LINE "/dev/ttyS0"

static void run_agent(char **arguments)
{
    struct termios settings;
    int line = open(LINE, O_RDWR | O_NOCTTY);
    if (line < 0 || tcgetattr(line, &settings)) {
        perror(LINE);
        return;
    }
    cfmakeraw(&settings);
    cfsetspeed(&settings, B115200);
    tcsetattr(line, TCSANOW, &settings);
    dup2(line, STDIN_FILENO);
    dup2(line, STDOUT_FILENO);
    close(line);
    arguments[0] = "agent";
    execv("/agent", arguments);
    perror("/agent (is it linked statically?)");
}

int main(int argument_count, char **arguments)
{
    (void)argument_count;
    mkdir("/proc", 0755);
    if (mount("proc", "/proc", "proc", 0, NULL)) perror("/proc");
    if (mount("dev", "/dev", "devtmpfs", 0, NULL)) perror("/dev");
    pid_t agent = fork();
    if (agent == 0) {
        run_agent(arguments);
        _exit(1);
    }
    while (wait(NULL) != agent) {}
    reboot(RB_AUTOBOOT); /* QEMU is told not to reboot but to end. */
    return 1;
}
