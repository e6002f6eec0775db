#!/bin/sh
# Runs the differential agent on another Linux: boots a kernel under QEMU. Needs cc, cpio and qemu-system-x86_64.
#
#   boot.sh VMLINUZ AGENT ARGUMENT...    VMLINUZ: with initramfs, devtmpfs and 8250 serial lines built in, as
#                                        distributions have it; AGENT: linked statically
#
# The agent's input and output are the script's; what the kernel and the agent complain of goes to standard error.
# QEMU takes the script's place, so that to end the one is to end the other. Nothing is downloaded.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 VMLINUZ AGENT ARGUMENT..." >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1
agent=$2
shift 2

# Beside the agent, whose directory is the test's own.
root=$agent.root
rm -rf "$root"
mkdir "$root"
cp "$agent" "$root/agent"
"${CC:-cc}" -O1 -Wall -Wextra -static -o "$root/init" "$here/init.c"
(cd "$root" && printf 'agent\ninit\n' | cpio -o -H newc -R 0:0 --quiet) > "$agent.cpio"
rm -rf "$root"

# One processor, no swap, no merging of equal pages, root: nothing of Scope is left out.
exec qemu-system-x86_64 -accel tcg -cpu max,la57=off -m 256M -smp 1 -nodefaults -display none -no-reboot \
    -chardev stdio,id=agent,signal=off -serial chardev:agent \
    -chardev file,id=console,path=/dev/stderr,append=on -serial chardev:console \
    -kernel "$kernel" -initrd "$agent.cpio" \
    -append "console=ttyS1 quiet panic=-1 mitigations=off transparent_hugepage=never rdinit=/init -- $*"
