/*
 * A library with thread-local variables of its own, to be opened at run time.
 */
static __thread long counter = 1000;
static __thread char zeroes[2000];

long tls_count(void)
{
	return counter++;
}

int tls_zeroes(char fill)
{
	int sum = 0;

	for (unsigned i = 0; i < sizeof zeroes; i++) {
		sum += zeroes[i];
		zeroes[i] = fill;
	}
	return sum;
}
