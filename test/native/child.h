/* child.h: does an access kill the process? Found out in a child. POSIX only: elsewhere
   CHILD_SUPPORTED is 0 and the tests are skipped. */

#ifndef OH_CHILD_H
#define OH_CHILD_H

#ifdef _WIN32

#define CHILD_SUPPORTED 0

static inline int child_faults(char *at, int write) {
  (void)at;
  (void)write;
  return 0;
}

#else

#define CHILD_SUPPORTED 1

#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Reads or writes the byte at `at` in a child. 1: it died of that. */
static inline int child_faults(char *at, int write) {
  fflush(stdout);
  pid_t const child = fork();
  if (child == 0) {
    /* Sanitizers report the signal instead of dying of it. */
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    if (write) {
      *(volatile char *)at = 1;
    } else {
      (void)*(volatile char *)at;
    }
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 0;
  return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

#endif

#endif
