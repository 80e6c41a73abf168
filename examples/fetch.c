/* Fetch URLs at once: cc fetch.c -o fetch -lvervet -lcurl && ./fetch URL ... */
#include <curl/curl.h>
#include <stdio.h>
#include <vervet.h>

static void *fetch(void *url)
{
	CURL *c = curl_easy_init();

	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, tmpfile());
	printf("%s: %s\n", (char *)url, curl_easy_strerror(curl_easy_perform(c)));
	return NULL;
}

int main(int argc, char **argv)
{
	return vv_group_map(vv_group_new(), fetch, (void **)argv + 1, argc - 1, NULL);
}
