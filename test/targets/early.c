// SPDX-License-Identifier: Apache-2.0
// Linked with libearly.so, which writes before main.
int early_choice(void);

int main(void) { return early_choice(); }
