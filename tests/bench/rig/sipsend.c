/* sipsend: SIP over UDP from one address, as a prober of pauses or as a flood. Loopback only.
 *
 *   sipsend probe FROM_IP TO_IP PORT EVERY_MS SECONDS
 *   sipsend flood FROM_IP TO_IP PORT PER_SECOND SECONDS NUMBER...
 *
 * probe: OPTIONS at an even pace, whatever the answers do. An answer's delay is the server's pause
 * and what it had to do before: requests sent while it paused wait for its end. Arrivals are
 * stamped by the kernel, so that this process's own waits for a core do not count.
 * flood: INVITEs with a PCMU offer to the numbers in turn, each a call of its own, none ever
 * acknowledged. Both print one JSON object.
 * build: cc -O2 -o sipsend sipsend.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LONGEST 1500
#define SECONDS_MOST 900
#define TICKS_PER_S 100
#define ANSWERS_S 3 /* how long the last answers of a flood may take */
#define PAUSE_MS 50.0
#define WORST 5

static const char SDP[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                          "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t); /* the clock of the kernel's stamps */
	return (uint64_t) t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void sleep_until(uint64_t at)
{
	struct timespec t = { at / 1000000000ull, at % 1000000000ull };
	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in address(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1 || ntohl(a.sin_addr.s_addr) >> 24 != 127) {
		fprintf(stderr, "%s: no loopback address\n", ip);
		exit(1);
	}
	return a;
}

static int open_socket(const char *from, const char *to, int port)
{
	struct sockaddr_in own = address(from, 0), peer = address(to, port);
	int yes = 1, bytes = 4000000, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *) &own, sizeof own) < 0 ||
	    connect(fd, (struct sockaddr *) &peer, sizeof peer) < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) < 0)
		die("SO_TIMESTAMPNS");
	return fd;
}

static int write_request(char *out, const char *method, const char *number, const char *from, const char *to,
                         int port, long n, const char *body)
{
	return snprintf(out, LONGEST,
	                "%s sip:%s@%s:%d SIP/2.0\r\n"
	                "Via: SIP/2.0/UDP %s:5060;rport;branch=z9hG4bKsend%dx%ld\r\n"
	                "From: <sip:s%ld@%s>;tag=s%dx%ld\r\nTo: <sip:%s@%s:%d>\r\n"
	                "Call-ID: send%dx%ld\r\nCSeq: %ld %s\r\nMax-Forwards: 70\r\n"
	                "Contact: <sip:s%ld@%s:5060>\r\n%sContent-Length: %zu\r\n\r\n%s",
	                method, number, to, port, from, getpid(), n, n, from, getpid(), n, number, to, port, getpid(),
	                n, n, method, n, from, *body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
}

/* Receive one answer; returns its length, 0 for none. *at is when the kernel had it. */
static ssize_t take(int fd, char *in, uint64_t *at)
{
	char control[128];
	struct iovec part = { in, LONGEST };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
	                          .msg_controllen = sizeof control };
	ssize_t got = recvmsg(fd, &message, 0);
	if (got <= 0)
		return 0; /* none, or the port is closed, which the missing answers tell */
	in[got] = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;
			memcpy(&t, CMSG_DATA(c), sizeof t);
			*at = (uint64_t) t.tv_sec * 1000000000ull + t.tv_nsec;
		}
	return got;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;
	return (x > y) - (x < y);
}

static void take_answers(int fd, const uint64_t *sent, double *delay_ms, long total)
{
	char in[LONGEST + 1];
	uint64_t at = now_ns();
	while (take(fd, in, &at)) {
		char *cseq = strcasestr(in, "\nCSeq:");
		long n = cseq ? atol(cseq + 6) : 0;
		if (n >= 1 && n <= total && delay_ms[n - 1] < 0 && !strncmp(in, "SIP/2.0 2", 9))
			delay_ms[n - 1] = (double) (at - sent[n - 1]) / 1e6;
	}
}

static void probe(int fd, char **argv, int port, double every_ms, double seconds)
{
	long total = (long) (seconds * 1000 / every_ms), answered = 0, pauses = 0;
	uint64_t *sent = calloc(total, sizeof *sent), began = now_ns() + 1000000, late = 0;
	double *delay_ms = calloc(total, sizeof *delay_ms), *ordered = calloc(total, sizeof *ordered);
	double worst_ms[WORST] = { 0 }, worst_at_s[WORST] = { 0 }, peak_ms = 0, peak_at_s = 0;
	if (!sent || !delay_ms || !ordered)
		die("calloc");
	for (long n = 0; n < total; n++)
		delay_ms[n] = -1;
	for (long n = 0; n < total; n++) {
		char out[LONGEST];
		uint64_t due = began + (uint64_t) (n * every_ms * 1e6);
		int length = write_request(out, "OPTIONS", "probe", argv[2], argv[3], port, n + 1, "");
		sleep_until(due);
		sent[n] = now_ns();
		if (sent[n] - due > late)
			late = sent[n] - due;
		(void) !send(fd, out, length, 0); /* a full queue shows as an answer that is missing */
		take_answers(fd, sent, delay_ms, total);
	}
	for (int i = 0; i < 200; i++) {
		sleep_until(now_ns() + 10000000);
		take_answers(fd, sent, delay_ms, total);
	}
	for (long n = 0; n <= total; n++) {
		int paused = n < total && (delay_ms[n] < 0 || delay_ms[n] > PAUSE_MS);
		if (n < total && delay_ms[n] >= 0)
			ordered[answered++] = delay_ms[n];
		if (paused && peak_ms == 0)
			pauses++;
		if (paused && delay_ms[n] > peak_ms)
			peak_ms = delay_ms[n], peak_at_s = n * every_ms / 1000;
		else if (paused && peak_ms == 0)
			peak_ms = 1e-9; /* unanswered: a pause too, of a length that nobody knows */
		if (paused || peak_ms == 0)
			continue;
		for (int i = 0; i < WORST; i++)
			if (peak_ms > worst_ms[i]) {
				memmove(worst_ms + i + 1, worst_ms + i, (WORST - 1 - i) * sizeof *worst_ms);
				memmove(worst_at_s + i + 1, worst_at_s + i, (WORST - 1 - i) * sizeof *worst_at_s);
				worst_ms[i] = peak_ms, worst_at_s[i] = peak_at_s;
				break;
			}
		peak_ms = 0;
	}
	qsort(ordered, answered, sizeof *ordered, ascending);
#define AT(share) (answered ? ordered[(long) ((answered - 1) * (share))] : -1)
	printf("{\"sent\": %ld, \"answered\": %ld, \"p50\": %.3f, \"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f, "
	       "\"pauses_above_50_ms\": %ld, \"sent_late_max_ms\": %.3f, \"worst\": [",
	       total, answered, AT(0.5), AT(0.99), AT(0.999), AT(1), pauses, late / 1e6);
	for (int i = 0; i < WORST && worst_ms[i] > 0; i++)
		printf("%s{\"at_s\": %.3f, \"ms\": %.1f}", i ? ", " : "", worst_at_s[i], worst_ms[i]);
	printf("]}\n");
}

static void flood(int fd, char **argv, int port, double per_second, double seconds, int numbers)
{
	long n = 0, unsent = 0, answers[10] = { 0 }, trying = 0, not_found = 0, unavailable = 0;
	uint64_t began = now_ns();
	long ticks = (long) (seconds * TICKS_PER_S);
	for (long tick = 0; tick < ticks + ANSWERS_S * TICKS_PER_S; tick++) {
		char out[LONGEST], in[LONGEST + 1];
		uint64_t at;
		long until = tick < ticks ? (long) ((tick + 1) * per_second / TICKS_PER_S) : n;
		sleep_until(began + (uint64_t) tick * (1000000000ull / TICKS_PER_S));
		for (; n < until; n++) {
			int length = write_request(out, "INVITE", argv[7 + n % numbers], argv[2], argv[3], port, n + 1, SDP);
			unsent += send(fd, out, length, 0) != length;
		}
		while (take(fd, in, &at)) {
			int code = !strncmp(in, "SIP/2.0 ", 8) ? atoi(in + 8) : 0;
			answers[code >= 100 && code < 700 ? code / 100 : 0]++;
			trying += code == 100;
			not_found += code == 404;
			unavailable += code == 503;
		}
	}
	printf("{\"sent\": %ld, \"unsent\": %ld, \"100\": %ld, \"2xx\": %ld, \"404\": %ld, \"503\": %ld, "
	       "\"other\": %ld, \"seconds\": %.1f}\n",
	       n - unsent, unsent, trying, answers[2], not_found, unavailable,
	       answers[0] + answers[1] - trying + answers[3] + answers[4] - not_found + answers[5] - unavailable +
	               answers[6],
	       (now_ns() - began) / 1e9);
}

int main(int argc, char **argv)
{
	int probing = argc == 7 && !strcmp(argv[1], "probe");
	if (!probing && (argc < 8 || strcmp(argv[1], "flood"))) {
		fprintf(stderr, "see the head of sipsend.c\n");
		return 2;
	}
	int port = atoi(argv[4]);
	double pace = atof(argv[5]), seconds = atof(argv[6]);
	if (pace <= 0 || seconds <= 0 || seconds > SECONDS_MOST) {
		fprintf(stderr, "the pace has to be above 0, and %d s at most\n", SECONDS_MOST);
		return 2;
	}
	int fd = open_socket(argv[2], argv[3], port);
	if (probing)
		probe(fd, argv, port, pace, seconds);
	else
		flood(fd, argv, port, pace, seconds, argc - 7);
	return 0;
}
