#include <algorithm>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

int main() {
    std::map<std::string, std::vector<int>> all;
    for (int i = 0; i < 100; i++) all[i % 3 ? "other" : "third"].push_back(i * i);
    for (auto &[name, list] : all) std::cout << name << ' ' << *std::max_element(list.begin(), list.end()) << '\n';
    try {
        all.at("none");
    } catch (const std::out_of_range &error) {
        std::cout << "caught " << error.what() << std::endl;
    }
}
