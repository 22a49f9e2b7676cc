// SPDX-License-Identifier: Apache-2.0
// endl cout|file|lines [COUNT]: std::endl after each line, to standard output or to a file in $PF_DIR; or
// '\n', as it should be.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

static void say(std::ostream &out, int count) {
    for (int i = 0; i < count; i++) {
        out << "line " << i << " of some length, as lines are" << std::endl; // habit: endl
    }
}

int main(int argc, char **argv) {
    const std::string how = argc > 1 ? argv[1] : "";
    int count = argc > 2 ? std::atoi(argv[2]) : 20000;
    const char *folder = std::getenv("PF_DIR");
    if (how == "cout") {
        say(std::cout, count);
        return 0;
    }
    std::ofstream file(std::string(folder ? folder : ".") + "/data");
    if (how == "file") {
        say(file, count);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        file << "line " << i << " of some length, as lines are\n";
    }
    return 0;
}
