/*
 * Writes of up to PIPE_BUF bytes are never torn apart, however many threads write to a full pipe; bigger ones lose
 * nothing.
 */
#include "net.h"

#include <limits.h>

enum { WRITERS = 8, RECORDS = 60 };

static int fd[2];

static void *writer(void *arg)
{
	char record[PIPE_BUF];

	memset(record, 'a' + (int)(long)arg, sizeof record);
	for (int i = 0; i < RECORDS; i++)
		expect(write(fd[1], record, sizeof record) == sizeof record);
	return NULL;
}

static void *big_writer(void *arg)
{
	static char data[WRITERS][300000];
	char *mine = data[(long)arg];

	memset(mine, 'a' + (int)(long)arg, sizeof data[0]);
	expect(write(fd[1], mine, sizeof data[0]) == sizeof data[0]);
	return NULL;
}

int main(void)
{
	char record[PIPE_BUF], buf[5000];
	int count[WRITERS] = {0};
	pthread_t t[WRITERS];

	expect(pipe(fd) == 0);
	for (long i = 0; i < WRITERS; i++)
		t[i] = start(writer, (void *)i);
	for (int i = 0; i < WRITERS * RECORDS; i++) {
		read_all(fd[0], record, sizeof record);
		for (int j = 1; j < PIPE_BUF; j++)
			expect(record[j] == record[0]);
		count[record[0] - 'a']++;
	}
	for (int i = 0; i < WRITERS; i++) {
		join(t[i]);
		expect(count[i] == RECORDS);
		count[i] = 0;
	}
	for (long i = 0; i < WRITERS; i++)
		t[i] = start(big_writer, (void *)i);
	for (int left = WRITERS * 300000; left;) {
		ssize_t n = read(fd[0], buf, sizeof buf);
		expect(n > 0);
		for (ssize_t j = 0; j < n; j++)
			count[buf[j] - 'a']++;
		left -= (int)n;
	}
	for (int i = 0; i < WRITERS; i++) {
		join(t[i]);
		printf("%d ", count[i]);
	}
	printf("\n");
	return 0;
}
