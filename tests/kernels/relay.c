/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In a guest: carries bytes between a serial port, whose other end is a socket of the host, and the control
 * socket of p4kube-bpf. relay PORT SOCKET
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static int carry(int from, int to)
{
	char bytes[65536];
	ssize_t got = read(from, bytes, sizeof(bytes));

	for (ssize_t done = 0; done < got;) {
		ssize_t put = write(to, bytes + done, (size_t)(got - done));

		if (put < 0 && errno != EAGAIN)
			return -1;
		done += put > 0 ? put : 0;
	}
	return got > 0 ? 0 : -1;
}

static int reach(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	for (int i = 0; fd >= 0 && i < 1000; i++) {
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
		usleep(20000);
	}
	return -1;
}

/* Bytes as they are, as fast as they come. */
static int open_raw(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY);
	struct termios how;

	if (fd < 0 || tcgetattr(fd, &how) != 0)
		return -1;
	cfmakeraw(&how);
	cfsetspeed(&how, B115200);
	return tcsetattr(fd, TCSANOW, &how) == 0 ? fd : -1;
}

int main(int argc, char **argv)
{
	int port = argc == 3 ? open_raw(argv[1]) : -1;
	int control = port < 0 ? -1 : reach(argv[2]);
	struct pollfd both[] = {{.fd = port, .events = POLLIN}, {.fd = control, .events = POLLIN}};

	if (control < 0) {
		perror("relay");
		return 1;
	}
	puts("relay is ready");
	fflush(stdout);
	while (poll(both, 2, -1) > 0) {
		if (both[0].revents & POLLIN && carry(port, control) != 0)
			break;
		if (both[1].revents && carry(control, port) != 0)
			break;
	}
	return 0;
}
