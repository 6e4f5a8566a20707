// What the libraries below us read of the environment.
#pragma once

namespace mixmatch {

// Sets what is not set of the variables that libraries read once, before main, and starts this
// program again with them; returns where nothing is missing, or where that cannot be done (the
// speed is then what it is). To be called first in main, before threads and files.
void SetLibraryEnvironment(char** argv);

}  // namespace mixmatch
