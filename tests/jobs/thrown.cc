#include <iostream>
#include <stdexcept>
#include <vector>

int main() {
    std::vector<int> squares;
    for (int i = 0; i < 100; i++) squares.push_back(i * i);
    try {
        squares.at(100);
    } catch (const std::out_of_range &error) {
        std::cout << "caught after " << squares.back() << std::endl;
    }
}
